import { isConnectionLoss } from '../../../lib/db/errors';

/** A row that a visitor has bent must not end the demo; a database that is gone does. */
export function skipBadRow(error: unknown): void {
  if (isConnectionLoss(error)) throw error;
  console.error(
    `The demo worker goes on after an error: ${error instanceof Error ? error.message : String(error)}`,
  );
}
