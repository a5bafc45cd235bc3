import { type Database, createTx } from '../../lib/db/database';

/** The database with a list of the statements that its reads have made so far. */
export function countStatements(db: Database): { db: Database; statements: string[] } {
  const statements: string[] = [];
  const read: Database['read'] = (fn, options) =>
    db.read(
      (tx) =>
        fn(
          createTx((statement) => {
            if (!/^\s*SET/.test(statement.text)) statements.push(statement.text);
            return tx.query(statement);
          }),
        ),
      options,
    );
  return { db: { ...db, read }, statements };
}

/** The database as it is when every connection is lost once: each read runs its callback twice, and answers the second. */
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
