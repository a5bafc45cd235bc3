import sql, { Sql } from 'sql-template-tag';
import type { Tx } from '../db/database';

/** A moment after which a bulk run sees nothing: what has come or changed since is not its business. */
export interface RowSnapshot {
  /** ISO 8601 UTC, microseconds. */
  at: string;
  /** The first transaction that is later: a 64-bit number as text. */
  txid: string;
}

/** This moment. Every row that the caller's statement sees is from before it. */
export async function cutOffNow(tx: Tx): Promise<RowSnapshot> {
  const [row] = await tx.query<RowSnapshot>(
    sql`SELECT now() AS at, txid_snapshot_xmax(txid_current_snapshot()) AS txid`,
  );
  if (!row) throw new Error('The database did not tell its time.');
  return row;
}

/**
 * Transactions that can have begun since the caller's own did. A row from more than 2^31 transactions ago, a week's
 * worth of a busy cluster, has a negative age as those have (its frozen `xmin` stays what it was), but a far lower one.
 */
const LATER_AT_MOST = 100_000_000;

/**
 * Whether the row `j` is the version that was there at the cut-off. By the transaction that wrote it and not by
 * `updated_at`: that is the clock of whichever machine wrote it, and a worker whose clock is behind would make a job
 * that failed again look like one that had not been touched. For a transaction that writes: it must have its own number.
 */
export function isUnchangedSince({ txid }: RowSnapshot): Sql {
  return sql`(age(j.xmin) > txid_current() - ${txid}::bigint OR age(j.xmin) < ${-LATER_AT_MOST})`;
}

/**
 * A condition as it was at the cut-off: "scheduled", "created more than two hours ago" hold for other rows a minute
 * later, although nobody has touched them.
 */
export function asOf(condition: Sql, { at }: RowSnapshot): Sql {
  if (!/^\d{4,6}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/.test(at))
    throw new RangeError(`Not a time of the database: ${at}`);
  // Only the statement's own text: values travel beside it.
  return new Sql(
    condition.strings.map((part) =>
      part.replaceAll(/\b(now|clock_timestamp)\(\)/g, `'${at}'::timestamptz`),
    ),
    condition.values,
  );
}
