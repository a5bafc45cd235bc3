import 'server-only';
import { configuredCron } from '../cron/configured';
import { readOverdueCron } from '../cron/entries';
import { type Found, type Look, countUpTo, earliest, shown } from './look';

/** Entries of CRON_FILE of which a run was due and nothing was enqueued; without the file nothing is claimed. */
export async function findOverdueCron({ ctx }: Look): Promise<Found> {
  if (configuredCron().entries.size === 0) return { finding: null };
  const { keys, unknownOnStandby } = await readOverdueCron(ctx);
  const overdue = keys.sort((a, b) => (a.since < b.since ? -1 : 1));
  if (overdue.length === 0) return { finding: null, unknownOnStandby };
  return {
    finding: {
      kind: 'overdue_cron',
      severity: 'warning',
      since: earliest(overdue.map(({ since }) => since)),
      count: countUpTo(overdue.length, Infinity),
      items: shown(overdue),
      where: '/cron_entries',
      repair: null,
    },
  };
}
