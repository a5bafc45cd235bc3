import { denial } from '../auth/roles';
import type { Ctx } from '../context/types';
import { ConsoleError } from '../core/errors';

/** Whether this viewer may change only so many rows at once. */
export function hasBulkLimit({ viewer }: Pick<Ctx, 'viewer'>): boolean {
  return denial(viewer, 'bulk.large', false) !== null;
}

/**
 * For an act on many rows, whatever its way: throws ConsoleError `bulk_too_large` when they are more than this viewer
 * may change at once. `count` null: it could not be counted in time, so it may be of any size. To be called inside the
 * act's transaction: then who may not act at all has been told so, and this refusal is on record too.
 */
export function checkBulkLimit(
  ctx: Pick<Ctx, 'viewer' | 'bulkOperatorLimit'>,
  count: number | null,
): void {
  if ((count === null || count > ctx.bulkOperatorLimit) && hasBulkLimit(ctx))
    throw new ConsoleError('bulk_too_large');
}
