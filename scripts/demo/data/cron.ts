import type { Value } from './active-job';
import { type World, live } from './history';
import { jobClassNamed } from './job-classes';
import { DAY, HOUR, MINUTE, type Micros, tokyoMidnight } from './time';

/** One entry of the made-up app's `config.good_job.cron`. */
export interface CronEntry {
  key: string;
  jobClass: string;
  arguments?: Value[];
  /** Every so many minutes, or once a day so many minutes after midnight in Tokyo. */
  every: { minutes: number } | { dailyAt: number };
  /** Its rows begin so long ago: a new entry, or one whose rows are cleaned up early. */
  history: Micros;
  /** Switched off in the settings, so long ago. */
  disabledFor?: Micros;
}

export const CRON_ENTRIES: readonly CronEntry[] = [
  {
    key: 'check_payment_status',
    jobClass: 'Payments::CheckStatusJob',
    every: { minutes: 1 },
    history: 6 * HOUR,
  },
  { key: 'expire_carts', jobClass: 'Carts::ExpireJob', every: { minutes: 15 }, history: 14 * DAY },
  {
    key: 'sync_inventory',
    jobClass: 'SyncInventoryJob',
    arguments: ['東京第一倉庫'],
    every: { minutes: 30 },
    history: 14 * DAY,
  },
  {
    key: 'daily_digest',
    jobClass: 'Reports::DailyDigestJob',
    every: { dailyAt: 7 * 60 + 30 },
    history: 14 * DAY,
  },
  {
    key: 'nightly_cleanup',
    jobClass: 'Maintenance::NightlyCleanupJob',
    every: { dailyAt: 2 * 60 + 30 },
    history: 14 * DAY,
    disabledFor: 3 * DAY,
  },
];

export const DISABLED_CRON_KEYS = CRON_ENTRIES.filter(
  (entry) => entry.disabledFor !== undefined,
).map((entry) => entry.key);

/** Whether the entry is due in the minute that begins at `minute`. */
export function isDue(entry: CronEntry, minute: Micros): boolean {
  const sinceMidnight = Math.round((minute - tokyoMidnight(minute)) / MINUTE);
  return 'minutes' in entry.every
    ? sinceMidnight % entry.every.minutes === 0
    : sinceMidnight === entry.every.dailyAt;
}

/** The jobs that cron has enqueued so far. The worker goes on from the next minute; `cron_key` and `cron_at` keep them apart. */
export function cronHistory(world: World): void {
  for (const entry of CRON_ENTRIES) {
    // Those of the last minutes are the worker's to enqueue, or would not be over yet.
    const until = world.now - (entry.disabledFor ?? 0) - 3 * MINUTE;
    const first = world.now - entry.history;
    for (let minute = first - (first % MINUTE) + MINUTE; minute < until; minute += MINUTE) {
      if (!isDue(entry, minute)) continue;
      const jobClass = jobClassNamed(entry.jobClass);
      live(world, {
        jobClass,
        at: minute + world.random.int(2_000, 60_000),
        cron: { key: entry.key, at: minute },
        arguments: entry.arguments ?? [],
        labels: [],
        ...(minute > world.now - HOUR
          ? { state: 'succeeded', failures: 0 }
          : { state: world.random.chance(jobClass.failure ** 2) ? 'discarded' : 'succeeded' }),
      });
    }
  }
}
