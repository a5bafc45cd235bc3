import { isConnectionLoss } from '../../../lib/db/connection';

/** Logs the error of a malformed row and continues; rethrows the loss of the database. */
export function skipBadRow(error: unknown): void {
  if (isConnectionLoss(error)) throw error;
  console.error(
    `The demo worker continues after an error: ${error instanceof Error ? error.message : String(error)}`,
  );
}
