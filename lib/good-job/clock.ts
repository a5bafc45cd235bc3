import sql from 'sql-template-tag';
import type { Tx } from '../db/types';

/**
 * The database's clock now, UTC, `YYYY-MM-DDTHH:MM:SS.ffffffZ`. Not now(): that is the transaction's start,
 * before any wait for a lock. One reading serves all columns and payload keys of an action.
 */
export async function clock(tx: Tx): Promise<string> {
  const [row] = await tx.query<{ now: string }>(sql`SELECT clock_timestamp() AS now`);
  if (!row) throw new Error('The database did not tell its time.');
  return row.now;
}

/** As Active Job writes a time into a payload (Rails 7.1+): nine decimals, the same instant as the column. */
export function payloadTime(now: string): string {
  return now.replace(/(\.\d{6})Z$/, '$1000Z');
}

/** As GoodJob writes `scheduled_at` into a notification: milliseconds. */
export function notificationTime(now: string): string {
  return now.replace(/(\.\d{3})\d{3}Z$/, '$1Z');
}
