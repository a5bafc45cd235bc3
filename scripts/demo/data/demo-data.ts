import { addBatches } from './batches';
import { addCronHistory } from './cron';
import { type DemoContext, addJob } from './history';
import { JOB_CLASSES, type JobClass, jobClassNamed } from './job-classes';
import { customerId } from './people';
import { Random } from './random';
import type { Rows } from './rows';
import { DAY, HOUR, MINUTE, type Micros, SECOND, businessTimes, tokyoMidnight } from './time';
import { DEAD_WORKER, PAUSED_FOR, processHistory, addProcessesAndSettings } from './workers';

/** Number of jobs without those of the source batch. */
export const DEMO_JOBS = 30_000;
const HISTORY = 14 * DAY;
const SEED = 4_192;

/** Jobs without a batch and cron key; succeeded ones make up the rest of DEMO_JOBS. */
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

/** Returns all rows of the demo at `now`; the same time and seed return the same rows. */
export function demoRows(now: Micros, seed = SEED): Rows {
  const random = new Random(seed);
  const context: DemoContext = {
    random,
    now,
    rows: { batches: [], jobs: [], executions: [], processes: [], settings: [] },
    processAt: processHistory(random, now),
  };
  addProcessesAndSettings(context);
  addBatches(context);
  addCronHistory(context);
  addUnfinishedJobs(context);
  addDiscardedJobs(context);
  addSucceededJobs(context);
  return context.rows;
}

const pickClass = (
  random: Random,
  weight: (jobClass: JobClass) => number = (jobClass) => jobClass.weight,
): JobClass => random.weighted(JOB_CLASSES, weight);
const repeat = (count: number, add: (index: number) => void) =>
  Array.from({ length: count }, (_, index) => add(index));

function addUnfinishedJobs(context: DemoContext): void {
  const { random, now } = context;
  const laterClasses = [
    'Reminders::FollowUpJob',
    'Reminders::FollowUpJob',
    'ActionMailer::MailDeliveryJob',
    'Reports::MonthlySalesJob',
  ];
  repeat(COUNTS.scheduled, () => {
    const at = now - Math.floor(random.between(2 * MINUTE, 2 * DAY));
    addJob(context, {
      jobClass: jobClassNamed(random.pick(laterClasses)),
      at,
      state: 'scheduled',
      scheduledAt: now + Math.floor(random.between(10 * MINUTE, 3 * DAY)),
    });
  });
  // Mostly classes that wait long between attempts, so that the list lasts for hours.
  repeat(COUNTS.retried, () =>
    addJob(context, {
      jobClass: pickClass(random, (c) => c.weight * (c.retryWait ? 8 : 0.4)),
      at: now,
      state: 'retried',
    }),
  );
  repeat(COUNTS.waitingPaused, (index) => {
    const at = now - Math.floor(random.between(SECOND, PAUSED_FOR));
    if (index % 20 === 0)
      addJob(context, { jobClass: jobClassNamed('Exports::CustomerCsvJob'), at, state: 'queued' });
    else if (index % 20 === 1)
      addJob(context, {
        jobClass: jobClassNamed('ImportCustomersJob'),
        at,
        state: 'queued',
        labels: ['インポート', '要確認'],
      });
    else addJob(context, { jobClass: jobClassNamed('SearchIndexJob'), at, state: 'queued' });
  });
  repeat(COUNTS.queued, () =>
    addJob(context, {
      jobClass: pickClass(random, unpausedWeight),
      at: now - Math.floor(random.between(0, 15 * SECOND)),
      state: 'queued',
    }),
  );
  repeat(COUNTS.lost, (index) => {
    const jobClass = jobClassNamed(
      ['ImportCustomersJob', 'Documents::RenderPdfJob', 'SyncInventoryJob'][index] ??
        'SyncInventoryJob',
    );
    addJob(context, {
      jobClass,
      at: now - (48 + 3 * index) * MINUTE,
      state: 'running',
      lockedBy: DEAD_WORKER,
    });
  });
}

/** The weight of a class; 0 if the demo's pauses hold its queue. */
export const unpausedWeight = (jobClass: JobClass) =>
  jobClass.queue === '低優先' || jobClass.queue === 'exports' ? 0 : jobClass.weight;

/** Two outages of the payment provider and of the webhook endpoints. */
const OUTAGES: { ago: Micros; classes: readonly string[] }[] = [
  { ago: 3 * DAY, classes: ['Payments::CaptureJob', 'Webhooks::DeliverJob'] },
  { ago: 9 * DAY, classes: ['Webhooks::DeliverJob', 'Shipments::TrackJob'] },
];

function addDiscardedJobs(context: DemoContext): void {
  const { random, now } = context;
  const anyTime = businessTimes(random, now - HISTORY, now - 10 * MINUTE);
  repeat(COUNTS.discarded, (index) => {
    // A third of the discarded jobs fall into one of the two outages.
    const outage = OUTAGES[index % 6];
    if (outage) {
      const start = tokyoMidnight(now - outage.ago) + 14 * HOUR;
      addJob(context, {
        jobClass: jobClassNamed(random.pick(outage.classes)),
        at: start + Math.floor(random.float() * 70 * MINUTE),
        state: 'discarded',
      });
    } else
      addJob(context, {
        jobClass: pickClass(random, (c) => c.weight * c.failure),
        at: anyTime(),
        state: 'discarded',
      });
  });
  repeat(COUNTS.discardedByHand, () => {
    const at = anyTime();
    addJob(context, {
      jobClass: pickClass(random),
      at,
      state: 'discarded',
      scheduledAt: at + DAY,
      discardedByHandAt: Math.min(at + Math.floor(random.between(MINUTE, 5 * HOUR)), now - MINUTE),
    });
  });
  // An argument of about 300 kB.
  addJob(context, {
    jobClass: jobClassNamed('Exports::CustomerCsvJob'),
    at: now - 7 * HOUR,
    state: 'discarded',
    arguments: [Array.from({ length: 50_000 }, () => customerId(random))],
  });
}

function addSucceededJobs(context: DemoContext): void {
  const { random, now, rows } = context;
  const anyTime = businessTimes(random, now - HISTORY, now - MINUTE);
  const backlogStart = tokyoMidnight(now - DAY) + 10 * HOUR;
  const add = (at: Micros) => {
    const jobClass = pickClass(random);
    // Paused jobs have not run since the pause.
    const isPaused = unpausedWeight(jobClass) === 0 && at > now - PAUSED_FOR - HOUR;
    const isInBacklog =
      jobClass.queue === 'mailers' && at > backlogStart && at < backlogStart + 50 * MINUTE;
    addJob(context, {
      jobClass,
      at: isPaused ? at - DAY : at,
      state: 'succeeded',
      ...(isInBacklog && { wait: Math.floor(random.skewed(420) * SECOND) }),
    });
  };
  // Recent jobs at any hour in Tokyo.
  repeat(COUNTS.lastHour, () => add(now - Math.floor(random.between(30 * SECOND, HOUR))));
  while (rows.jobs.length < DEMO_JOBS) add(anyTime());
}
