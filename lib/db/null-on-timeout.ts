import sql, { raw } from 'sql-template-tag';
import { codeOf } from './error-code';
import type { Tx } from './types';

/**
 * What `read` returns; null where a statement of it ran longer than `timeoutMs`. The transaction goes on either way: a
 * savepoint takes back the timeout, so `read` must write nothing.
 */
export async function nullOnTimeout<T>(
  tx: Tx,
  timeoutMs: number,
  read: () => Promise<T>,
): Promise<T | null> {
  await tx.query(
    sql`SAVEPOINT timed_read; SET LOCAL statement_timeout = ${raw(String(Math.max(1, Math.ceil(timeoutMs))))}`,
  );
  const result = await read().catch((error: unknown) => {
    if (codeOf(error) !== '57014') throw error;
    return null;
  });
  await tx.query(sql`ROLLBACK TO SAVEPOINT timed_read; RELEASE SAVEPOINT timed_read`);
  return result;
}
