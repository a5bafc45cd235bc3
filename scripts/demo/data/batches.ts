import { DEMO_APP, type Value, hash, record, symbol } from './active-job';
import { type DemoContext, type JobPlan, addJob } from './history';
import { type JobClass, jobClassNamed } from './job-classes';
import { company } from './people';
import type { BatchRow, JobRow } from './rows';
import {
  DAY,
  HOUR,
  MINUTE,
  type Micros,
  SECOND,
  columnTime,
  microsOf,
  tokyoDate,
  tokyoMidnight,
} from './time';
import { DEAD_WORKER } from './workers';

/** Batches with fixed ids; `source` is in test/fixtures/source-batch-rows.json. */
export const DEMO_BATCHES = {
  source: 'd293ba0f-9b92-4871-a379-d32b0c1bd8bf',
  running: '0b7d3c52-6f1e-4d8a-9c34-2e5f8a1b7c60',
  runningSlowly: '3a9e1f74-8c2b-4e56-b7d0-91c4f6a2e835',
  hanging: '7c41e0a9-2d5f-4b83-a6e7-50b9d3f8c214',
  neverEnqueued: 'e8f5b260-4a9c-4317-8d2b-6c7e0f1a9b53',
  paused: '91d6c3f8-7e0b-4a52-9f14-b3a8e5d2c706',
  waiting: '2f8a5b9d-c1e4-4076-8b3d-d7f0a6c9e142',
  lostWorker: 'a4c7e9f1-3b6d-4c28-95e0-f8d2b1a7c365',
  empty: '5d0e8b3c-f9a7-4216-b4c8-1e6a2d7f9b08',
  manyDiscarded: 'c6b2f4d8-0e7a-4951-83fb-a9d5c1e8b724',
  callbackDiscarded: '68f1d3a5-b9c0-4e72-a8d6-4b7e2c5f0a91',
} as const;

interface BatchPlan {
  id: string;
  jobClass: string;
  description: string | null;
  at: Micros;
  properties?: Record<string, Value>;
  on?: Partial<Record<'finish' | 'success' | 'discard', string>>;
  callbackQueue?: string;
  callbackPriority?: number;
  /** The jobs by state; their order is random. */
  members: { count: number; job: Omit<JobPlan, 'jobClass' | 'at' | 'batchId'> }[];
  /** The app never enqueued the batch; default: it did so right after adding the jobs. */
  neverEnqueued?: boolean;
  /** No worker ran the completion check after the last job. */
  hangs?: boolean;
  callbackState?: 'succeeded' | 'discarded';
}

const succeeded = (count: number) => ({ count, job: { state: 'succeeded' as const } });
const discarded = (count: number) => ({ count, job: { state: 'discarded' as const } });
export const queued = (count: number) => ({ count, job: { state: 'queued' as const } });

/** Adds a batch, its jobs and the callback jobs that have run, as workers leave them. */
export function addBatch(context: DemoContext, plan: BatchPlan): void {
  const jobs = addMembers(context, plan);
  const { enqueuedAt, discardedAt, finishedAt } = planBatchTimes(plan, jobs);
  const timeOrNull = (at: Micros | null) => (at === null ? null : columnTime(at));
  const row: BatchRow = {
    id: plan.id,
    created_at: columnTime(plan.at),
    updated_at: columnTime((finishedAt ?? discardedAt ?? enqueuedAt ?? plan.at) + 600),
    description: plan.description,
    serialized_properties: hash(plan.properties ?? {}),
    on_finish: plan.on?.finish ?? null,
    on_success: plan.on?.success ?? null,
    on_discard: plan.on?.discard ?? null,
    callback_queue_name: plan.callbackQueue ?? null,
    callback_priority: plan.callbackPriority ?? null,
    enqueued_at: timeOrNull(enqueuedAt),
    discarded_at: timeOrNull(discardedAt),
    jobs_finished_at: timeOrNull(finishedAt),
    finished_at: finishedAt === null ? null : columnTime(finishedAt + 500),
  };
  context.rows.batches.push(row);
  if (discardedAt !== null) addCallback(context, plan, 'discard', discardedAt);
  if (finishedAt !== null) {
    if (discardedAt === null) addCallback(context, plan, 'success', finishedAt);
    addCallback(context, plan, 'finish', finishedAt);
  }
}

function addMembers(context: DemoContext, plan: BatchPlan): JobRow[] {
  const jobClass = jobClassNamed(plan.jobClass);
  const isWaiting = ({ state }: Pick<JobPlan, 'state'>) =>
    state === 'queued' || state === 'scheduled';
  // Random order, but waiting jobs last: a queue is first in, first out.
  const jobs = plan.members
    .flatMap(({ count, job }) => Array.from({ length: count }, () => job))
    .map((job) => ({ job, position: (isWaiting(job) ? 1 : 0) + context.random.float() }))
    .sort((a, b) => a.position - b.position);
  return jobs.map(({ job }, index) =>
    addJob(context, {
      ...job,
      jobClass,
      at: plan.at + index * 3_000,
      batchId: plan.id,
      wait: waitOf(jobClass, index),
    }),
  );
}

interface BatchTimes {
  enqueuedAt: Micros | null;
  discardedAt: Micros | null;
  /** When all jobs were finished. */
  finishedAt: Micros | null;
}

function planBatchTimes(plan: BatchPlan, jobs: JobRow[]): BatchTimes {
  const enqueuedAt = plan.neverEnqueued ? null : plan.at + jobs.length * 3_000 + 5_000;
  const finishTimes = jobs.flatMap((job) => job.finished_at ?? []).sort();
  const isFinished = finishTimes.length === jobs.length && enqueuedAt !== null && !plan.hangs;
  const lastFinishTime = finishTimes.at(-1);
  const finishedAt = isFinished
    ? Math.max(enqueuedAt, lastFinishTime === undefined ? 0 : microsOf(lastFinishTime)) + 4_000
    : null;
  // A discard from GoodJob's dashboard does not mark the batch, because it runs no check.
  const [firstDiscard] = jobs
    .filter((job) => job.error && job.executions_count)
    .flatMap((job) => job.finished_at ?? [])
    .sort();
  const discardedAt = firstDiscard === undefined ? null : microsOf(firstDiscard) + 3_000;
  return { enqueuedAt, discardedAt, finishedAt };
}

type CallbackEvent = 'finish' | 'success' | 'discard';

/** Adds the job of a callback unless the batch has none for this event. */
function addCallback(
  context: DemoContext,
  plan: BatchPlan,
  event: CallbackEvent,
  eventAt: Micros,
): void {
  const name = plan.on?.[event];
  if (name === undefined) return;
  addJob(context, {
    jobClass: jobClassNamed(name),
    at: eventAt + 700,
    state: plan.callbackState ?? 'succeeded',
    batchCallbackId: plan.id,
    labels: [],
    ...(plan.callbackQueue && { queue: plan.callbackQueue }),
    ...(plan.callbackPriority !== undefined && { priority: plan.callbackPriority }),
    arguments: [record('GoodJob::Batch', plan.id), hash({ event: symbol(event) })],
  });
}

/** The time in the queue: four threads perform the jobs in order. */
function waitOf(jobClass: JobClass, index: number): Micros {
  return Math.floor(0.05 * SECOND + (index / 4) * jobClass.seconds * SECOND);
}

/** Adds twenty batches of the last two weeks; every fourth has discarded jobs. */
function addPastBatches(context: DemoContext): void {
  const { random, now } = context;
  for (let n = 0; n < 20; n += 1) {
    const at =
      tokyoMidnight(now - (1 + (n % 13)) * DAY) +
      random.int(9, 17) * HOUR +
      random.int(0, 59) * MINUTE;
    const failed = n % 4 === 3 ? random.int(1, 9) : 0;
    const members = [succeeded(random.int(24, 190)), discarded(failed)];
    const id = random.uuid();
    switch (n % 3) {
      case 0:
        addBatch(context, {
          id,
          at,
          members,
          jobClass: 'Billing::GenerateInvoiceJob',
          description: `請求書発行 ${tokyoDate(at)}`,
          properties: {
            period: tokyoDate(at).slice(0, 7),
            operator: record('User', random.int(1, 240)),
          },
          on: { finish: 'Billing::InvoiceRunFinishedJob', discard: 'Operators::AlertJob' },
          callbackQueue: 'invoices',
          callbackPriority: -5,
        });
        break;
      case 1:
        addBatch(context, {
          id,
          at,
          members,
          jobClass: 'Imports::RowJob',
          description: `Customer import: ${company(random)}`,
          properties: { import: record('Import', 290 + n), encoding: 'Shift_JIS' },
          on: { success: 'Imports::FinishedJob', discard: 'Operators::AlertJob' },
        });
        break;
      default:
        addBatch(context, {
          id,
          at,
          members,
          jobClass: 'Documents::RenderPdfJob',
          description: n % 2 === 0 ? null : `納品書PDF ${tokyoDate(at)}`,
          on: { finish: 'Reports::NotifyJob' },
        });
    }
  }
}

/** Batches with many jobs, finished and running. */
function largeBatches(now: Micros): BatchPlan[] {
  const importOn = {
    success: 'Imports::FinishedJob',
    finish: 'Reports::NotifyJob',
    discard: 'Operators::AlertJob',
  };
  return [
    {
      id: DEMO_BATCHES.manyDiscarded,
      at: tokyoMidnight(now - 2 * DAY) + 10 * HOUR,
      jobClass: 'Imports::RowJob',
      description: '顧客マスタ移行（旧システムから）',
      properties: { source: 'legacy-crm', import: record('Import', 300), app: DEMO_APP },
      on: importOn,
      members: [succeeded(1_760), discarded(640)],
    },
    {
      id: DEMO_BATCHES.running,
      at: now - 6 * MINUTE,
      jobClass: 'Imports::RowJob',
      description: '顧客インポート 株式会社青葉商事',
      properties: { import: record('Import', 311) },
      on: importOn,
      members: [succeeded(150), discarded(4), { count: 3, job: { state: 'retried' } }, queued(420)],
    },
    {
      id: DEMO_BATCHES.runningSlowly,
      at: now - 11 * MINUTE,
      jobClass: 'Reports::MonthlySalesJob',
      description: 'Monthly sales by region',
      on: { finish: 'Reports::NotifyJob' },
      members: [succeeded(9), queued(32)],
    },
  ];
}

/** Batches that never finish. */
function stuckBatches(now: Micros): BatchPlan[] {
  return [
    {
      id: DEMO_BATCHES.hanging,
      at: now - 5 * HOUR,
      jobClass: 'Billing::GenerateInvoiceJob',
      description: '請求書再発行（要調査）',
      properties: { reason: '税率の誤り' },
      on: { finish: 'Billing::InvoiceRunFinishedJob' },
      hangs: true,
      members: [
        succeeded(17),
        {
          count: 1,
          job: {
            state: 'discarded',
            discardedByHandAt: now - 3 * HOUR,
            scheduledAt: now + 20 * HOUR,
          },
        },
      ],
    },
    {
      id: DEMO_BATCHES.neverEnqueued,
      at: now - 26 * HOUR,
      jobClass: 'Documents::RenderPdfJob',
      description: 'Delivery notes (never enqueued)',
      on: { finish: 'Reports::NotifyJob' },
      neverEnqueued: true,
      members: [succeeded(6)],
    },
  ];
}

/** Batches whose jobs wait. */
function waitingBatches(now: Micros): BatchPlan[] {
  return [
    {
      id: DEMO_BATCHES.paused,
      at: now - 125 * MINUTE,
      jobClass: 'Customers::BackfillJob',
      description: '顧客属性のバックフィル',
      members: [succeeded(25), queued(15)],
    },
    {
      id: DEMO_BATCHES.waiting,
      at: now - 90 * MINUTE,
      jobClass: 'Reminders::FollowUpJob',
      description: 'フォローアップ配信',
      on: { finish: 'Reports::NotifyJob' },
      members: [
        succeeded(8),
        {
          count: 24,
          job: { state: 'scheduled', scheduledAt: tokyoMidnight(now) + DAY + 9 * HOUR },
        },
      ],
    },
  ];
}

/** Batches with a lost worker, without jobs and with a discarded callback. */
function unusualBatches(now: Micros): BatchPlan[] {
  return [
    {
      id: DEMO_BATCHES.lostWorker,
      at: now - 70 * MINUTE,
      jobClass: 'Documents::RenderPdfJob',
      description: '見積書PDF（ワーカー停止）',
      on: { finish: 'Reports::NotifyJob' },
      members: [succeeded(11), { count: 1, job: { state: 'running', lockedBy: DEAD_WORKER } }],
    },
    {
      id: DEMO_BATCHES.empty,
      at: now - 9 * HOUR,
      jobClass: 'Imports::RowJob',
      description: '空のインポート',
      on: { finish: 'Imports::FinishedJob' },
      members: [],
    },
    {
      id: DEMO_BATCHES.callbackDiscarded,
      at: now - 8 * HOUR,
      jobClass: 'Billing::GenerateInvoiceJob',
      description: 'Invoices, callback failed',
      on: { finish: 'Operators::AlertJob' },
      callbackState: 'discarded',
      members: [succeeded(31)],
    },
  ];
}

/** Adds every kind of batch that a page must explain. */
export function addBatches(context: DemoContext): void {
  const { now } = context;
  addPastBatches(context);
  const plans = [
    ...largeBatches(now),
    ...stuckBatches(now),
    ...waitingBatches(now),
    ...unusualBatches(now),
  ];
  for (const plan of plans) addBatch(context, plan);
}
