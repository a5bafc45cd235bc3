import { addBatches } from './batches';
import { cronHistory } from './cron';
import { type World, live } from './history';
import { JOB_CLASSES, type JobClass, jobClassNamed } from './job-classes';
import { customerId } from './people';
import { Random } from './random';
import type { Rows } from './rows';
import { DAY, HOUR, MINUTE, type Micros, SECOND, businessTimes, tokyoMidnight } from './time';
import { DEAD_WORKER, PAUSED_FOR, processesOfThePast, workersAndSettings } from './workers';

/** Jobs in all, the source batch apart. */
export const DEMO_JOBS = 30_000;
const HISTORY = 14 * DAY;
const SEED = 4_192;

/** Jobs of no batch and no cron entry, by what became of them; those that succeeded fill up the rest. */
const COUNTS = {
  scheduled: 420,
  retried: 130,
  discarded: 880,
  discardedByHand: 60,
  waitingPaused: 200,
  queued: 24,
  lost: 3,
  lastHour: 160,
};

/** Everything that the demo's database holds at `now`, always the same for the same moment. */
export function demoRows(now: Micros, seed = SEED): Rows {
  const random = new Random(seed);
  const world: World = {
    random,
    now,
    rows: { batches: [], jobs: [], executions: [], processes: [], settings: [] },
    processAt: processesOfThePast(random, now),
  };
  workersAndSettings(world);
  addBatches(world);
  cronHistory(world);
  unfinished(world);
  discarded(world);
  succeeded(world);
  return world.rows;
}

const choose = (
  random: Random,
  weight: (jobClass: JobClass) => number = (jobClass) => jobClass.weight,
): JobClass => random.weighted(JOB_CLASSES, weight);
const times = (count: number, add: (index: number) => void) =>
  Array.from({ length: count }, (_, index) => add(index));

function unfinished(world: World): void {
  const { random, now } = world;
  const laterClasses = [
    'Reminders::FollowUpJob',
    'Reminders::FollowUpJob',
    'ActionMailer::MailDeliveryJob',
    'Reports::MonthlySalesJob',
  ];
  times(COUNTS.scheduled, () => {
    const at = now - Math.floor(random.between(2 * MINUTE, 2 * DAY));
    live(world, {
      jobClass: jobClassNamed(random.pick(laterClasses)),
      at,
      state: 'scheduled',
      scheduledAt: now + Math.floor(random.between(10 * MINUTE, 3 * DAY)),
    });
  });
  // Mostly classes that wait long between attempts, so that the list does not empty within minutes.
  times(COUNTS.retried, () =>
    live(world, {
      jobClass: choose(random, (c) => c.weight * (c.retryWait ? 8 : 0.4)),
      at: now,
      state: 'retried',
    }),
  );
  times(COUNTS.waitingPaused, (index) => {
    const at = now - Math.floor(random.between(SECOND, PAUSED_FOR));
    if (index % 20 === 0)
      live(world, { jobClass: jobClassNamed('Exports::CustomerCsvJob'), at, state: 'queued' });
    else if (index % 20 === 1)
      live(world, {
        jobClass: jobClassNamed('ImportCustomersJob'),
        at,
        state: 'queued',
        labels: ['インポート', '要確認'],
      });
    else live(world, { jobClass: jobClassNamed('SearchIndexJob'), at, state: 'queued' });
  });
  times(COUNTS.queued, () =>
    live(world, {
      jobClass: choose(random, served),
      at: now - Math.floor(random.between(0, 15 * SECOND)),
      state: 'queued',
    }),
  );
  times(COUNTS.lost, (index) => {
    const jobClass = jobClassNamed(
      ['ImportCustomersJob', 'Documents::RenderPdfJob', 'SyncInventoryJob'][index] ??
        'SyncInventoryJob',
    );
    live(world, {
      jobClass,
      at: now - (48 + 3 * index) * MINUTE,
      state: 'running',
      lockedBy: DEAD_WORKER,
    });
  });
}

/** The weight of classes that the demo's pauses do not hold back. */
export const served = (jobClass: JobClass) =>
  jobClass.queue === '低優先' || jobClass.queue === 'exports' ? 0 : jobClass.weight;

/** Two bad hours: the payment provider and the webhooks' gateway were down. */
const OUTAGES: { ago: Micros; classes: readonly string[] }[] = [
  { ago: 3 * DAY, classes: ['Payments::CaptureJob', 'Webhooks::DeliverJob'] },
  { ago: 9 * DAY, classes: ['Webhooks::DeliverJob', 'Shipments::TrackJob'] },
];

function discarded(world: World): void {
  const { random, now } = world;
  const anyTime = businessTimes(random, now - HISTORY, now - 10 * MINUTE);
  times(COUNTS.discarded, (index) => {
    const outage = OUTAGES[index % 6];
    if (outage) {
      const start = tokyoMidnight(now - outage.ago) + 14 * HOUR;
      live(world, {
        jobClass: jobClassNamed(random.pick(outage.classes)),
        at: start + Math.floor(random.float() * 70 * MINUTE),
        state: 'discarded',
      });
    } else
      live(world, {
        jobClass: choose(random, (c) => c.weight * c.failure),
        at: anyTime(),
        state: 'discarded',
      });
  });
  times(COUNTS.discardedByHand, () => {
    const at = anyTime();
    live(world, {
      jobClass: choose(random),
      at,
      state: 'discarded',
      scheduledAt: at + DAY,
      discardedByHandAt: Math.min(at + Math.floor(random.between(MINUTE, 5 * HOUR)), now - MINUTE),
    });
  });
  // An argument of some 300 kB, as happens when somebody passes records instead of ids.
  live(world, {
    jobClass: jobClassNamed('Exports::CustomerCsvJob'),
    at: now - 7 * HOUR,
    state: 'discarded',
    arguments: [Array.from({ length: 50_000 }, () => customerId(random))],
  });
}

function succeeded(world: World): void {
  const { random, now, rows } = world;
  const anyTime = businessTimes(random, now - HISTORY, now - MINUTE);
  const backlogStart = tokyoMidnight(now - DAY) + 10 * HOUR;
  const add = (at: Micros) => {
    const jobClass = choose(random);
    // What is paused now has not run since then.
    const held = served(jobClass) === 0 && at > now - PAUSED_FOR - HOUR;
    const backlog =
      jobClass.queue === 'mailers' && at > backlogStart && at < backlogStart + 50 * MINUTE;
    live(world, {
      jobClass,
      at: held ? at - DAY : at,
      state: 'succeeded',
      ...(backlog && { wait: Math.floor(random.skewed(420) * SECOND) }),
    });
  };
  // Whatever the hour in Tokyo, something has just happened.
  times(COUNTS.lastHour, () => add(now - Math.floor(random.between(30 * SECOND, HOUR))));
  while (rows.jobs.length < DEMO_JOBS) add(anyTime());
}
