import { z } from 'zod';
import { type Database, createTx } from '../../lib/db/database';

/** Wraps a database and lists the statements of its reads. */
export function countStatements(db: Database): { db: Database; statements: string[] } {
  const statements: string[] = [];
  const read: Database['read'] = (fn, options) =>
    db.read(
      (tx) =>
        fn(
          createTx(async (statement) => {
            if (/^\s*(SET|SAVEPOINT|ROLLBACK)/.test(statement.text)) {
              await tx.execute(statement);
              return [];
            }
            statements.push(statement.text);
            return tx.query(z.unknown(), statement);
          }),
        ),
      options,
    );
  return { db: { ...db, read }, statements };
}

/** Wraps a database as if every connection were lost once: each read runs its callback twice. */
export function repeatReads(db: Database): Database {
  return {
    ...db,
    read: (fn, options) =>
      db.read(async (tx) => {
        await fn(tx);
        return fn(tx);
      }, options),
  };
}
