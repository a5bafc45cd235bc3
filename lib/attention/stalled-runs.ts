import 'server-only';
import { listStalledRuns } from '../bulk/adoption';
import { type Found, type Look, countUpTo, earliest, shown } from './look';
import { ITEMS_SHOWN } from './types';

/** Bulk runs that no server continues any more, because several did without progress. */
export async function findStalledRuns({ ctx, read }: Look): Promise<Found> {
  if (!ctx.bulkRuns) return { finding: null };
  const limit = ITEMS_SHOWN + 1;
  // A run is one row, of which there are few.
  const runs = await read((tx) => listStalledRuns(tx, limit), {});
  if (runs.length === 0) return { finding: null };
  return {
    finding: {
      kind: 'stalled_runs',
      severity: 'warning',
      since: earliest(runs.map(({ since }) => since)),
      count: countUpTo(runs.length, limit),
      items: shown(runs),
      where: '/bulk',
      repair: null,
    },
  };
}
