import sql from 'sql-template-tag';
import { z } from 'zod';
import { type Database, createTx } from '../../lib/db/database';

const planRow = z.strictObject({ 'QUERY PLAN': z.string() });

/** A database that also explains every SELECT. */
export function explainReads(db: Database): { db: Database; plans: string[] } {
  const plans: string[] = [];
  const read: Database['read'] = (fn, options) =>
    db.read(
      (tx) =>
        fn(
          createTx(async (statement) => {
            if (!/^\s*(SELECT|WITH)/.test(statement.text)) {
              await tx.execute(statement);
              return [];
            }
            const lines = await tx.query(planRow, sql`EXPLAIN ${statement}`);
            plans.push(lines.map((line) => line['QUERY PLAN']).join('\n'));
            return tx.query(z.unknown(), statement);
          }),
        ),
      options,
    );
  return { db: { ...db, read }, plans };
}
