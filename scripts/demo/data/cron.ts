import type { Value } from './active-job';
import { type DemoContext, addJob } from './history';
import { jobClassNamed } from './job-classes';
import { DAY, HOUR, MINUTE, type Micros, tokyoMidnight } from './time';

/** One entry of `config.good_job.cron` of the fictional app. */
interface CronEntry {
  key: string;
  jobClass: string;
  arguments?: Value[];
  /** An interval in minutes, or daily at a number of minutes after midnight in Tokyo. */
  every: { minutes: number } | { dailyAt: number };
  /** The age of its oldest job. */
  history: Micros;
  /** How long ago a user disabled it; absent: enabled. */
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

/** Returns whether the entry is due in the minute that begins at `minute`. */
export function isDue(entry: CronEntry, minute: Micros): boolean {
  const sinceMidnight = Math.round((minute - tokyoMidnight(minute)) / MINUTE);
  return 'minutes' in entry.every
    ? sinceMidnight % entry.every.minutes === 0
    : sinceMidnight === entry.every.dailyAt;
}

/** Adds the jobs that cron has enqueued; the demo worker enqueues those of later minutes. */
export function addCronHistory(context: DemoContext): void {
  for (const entry of CRON_ENTRIES) {
    // Jobs after this time would not have finished yet, or the demo worker enqueues them.
    const until = context.now - (entry.disabledFor ?? 0) - 3 * MINUTE;
    const first = context.now - entry.history;
    for (let minute = first - (first % MINUTE) + MINUTE; minute < until; minute += MINUTE) {
      if (!isDue(entry, minute)) continue;
      const jobClass = jobClassNamed(entry.jobClass);
      addJob(context, {
        jobClass,
        at: minute + context.random.int(2_000, 60_000),
        cron: { key: entry.key, at: minute },
        arguments: entry.arguments ?? [],
        labels: [],
        ...(minute > context.now - HOUR
          ? { state: 'succeeded', failures: 0 }
          : { state: context.random.chance(jobClass.failure ** 2) ? 'discarded' : 'succeeded' }),
      });
    }
  }
}
