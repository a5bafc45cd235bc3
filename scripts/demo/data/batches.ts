import { DEMO_APP, type Value, hash, record, symbol } from './active-job';
import { type Life, type World, live } from './history';
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

/** The batches that a visitor is sent to; the source batch is that of test/fixtures/source-batch-rows.json. */
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

export interface BatchPlan {
  id: string;
  jobClass: string;
  description: string | null;
  at: Micros;
  properties?: Record<string, Value>;
  on?: Partial<Record<'finish' | 'success' | 'discard', string>>;
  callbackQueue?: string;
  callbackPriority?: number;
  /** Members by what became of them; their order is mixed. */
  members: { count: number; life: Omit<Life, 'jobClass' | 'at' | 'batchId'> }[];
  /** Absent: enqueued right after its jobs were added. */
  neverEnqueued?: boolean;
  /** Nobody ran the completion check after the last job. */
  hangs?: boolean;
  callbackState?: 'succeeded' | 'discarded';
}

const succeeded = (count: number) => ({ count, life: { state: 'succeeded' as const } });
const discarded = (count: number) => ({ count, life: { state: 'discarded' as const } });
export const queued = (count: number) => ({ count, life: { state: 'queued' as const } });

/** Adds the batch, its members and the callback jobs that have run, as a worker would have left them. */
export function addBatch(world: World, plan: BatchPlan): void {
  const { rows, random } = world;
  const jobClass = jobClassNamed(plan.jobClass);
  const lives = plan.members.flatMap(({ count, life }) =>
    Array.from({ length: count }, () => life),
  );
  // Finished ones were enqueued first, as far as the queue goes; among them the order is chance.
  const order = lives
    .map((life) => ({
      life,
      key: (life.state === 'queued' || life.state === 'scheduled' ? 1 : 0) + random.float(),
    }))
    .sort((a, b) => a.key - b.key);
  const jobs = order.map(({ life }, index) =>
    live(world, {
      ...life,
      jobClass,
      at: plan.at + index * 3_000,
      batchId: plan.id,
      wait: waitOf(jobClass, index),
    }),
  );

  const enqueuedAt = plan.neverEnqueued ? null : plan.at + jobs.length * 3_000 + 5_000;
  const finishes = jobs.flatMap((job) => job.finished_at ?? []).sort();
  const done = finishes.length === jobs.length && enqueuedAt !== null && !plan.hangs;
  const jobsFinishedAt = done
    ? Math.max(enqueuedAt, microsOf(finishes.at(-1) ?? columnTime(enqueuedAt))) + 4_000
    : null;
  // A job that was discarded by hand does not mark its batch: GoodJob's dashboard runs no check.
  const firstDiscard = jobs
    .filter((job) => job.finished_at && job.error && job.executions_count)
    .flatMap((job) => job.finished_at ?? [])
    .sort()[0];
  const discardedAt = firstDiscard === undefined ? null : microsOf(firstDiscard) + 3_000;

  const row: BatchRow = {
    id: plan.id,
    created_at: columnTime(plan.at),
    updated_at: columnTime((jobsFinishedAt ?? discardedAt ?? enqueuedAt ?? plan.at) + 600),
    description: plan.description,
    serialized_properties: hash(plan.properties ?? {}),
    on_finish: plan.on?.finish ?? null,
    on_success: plan.on?.success ?? null,
    on_discard: plan.on?.discard ?? null,
    callback_queue_name: plan.callbackQueue ?? null,
    callback_priority: plan.callbackPriority ?? null,
    enqueued_at: enqueuedAt === null ? null : columnTime(enqueuedAt),
    discarded_at: discardedAt === null ? null : columnTime(discardedAt),
    jobs_finished_at: jobsFinishedAt === null ? null : columnTime(jobsFinishedAt),
    finished_at: jobsFinishedAt === null ? null : columnTime(jobsFinishedAt + 500),
  };
  rows.batches.push(row);
  const callback = (event: 'finish' | 'success' | 'discard', at: Micros | null) =>
    at !== null && plan.on?.[event] && runCallback(world, plan, event, plan.on[event], at + 700);
  callback('discard', discardedAt);
  if (discardedAt === null) callback('success', jobsFinishedAt);
  callback('finish', jobsFinishedAt);
}

function runCallback(
  world: World,
  plan: BatchPlan,
  event: string,
  name: string,
  at: Micros,
): JobRow {
  return live(world, {
    jobClass: jobClassNamed(name),
    at,
    state: plan.callbackState ?? 'succeeded',
    batchCallbackId: plan.id,
    labels: [],
    ...(plan.callbackQueue && { queue: plan.callbackQueue }),
    ...(plan.callbackPriority !== undefined && { priority: plan.callbackPriority }),
    arguments: [record('GoodJob::Batch', plan.id), hash({ event: symbol(event) })],
  });
}

/** Four threads work through the members one after the other. */
function waitOf(jobClass: JobClass, index: number): Micros {
  return Math.floor(0.05 * SECOND + (index / 4) * jobClass.seconds * SECOND);
}

/** What happened to `count` daily or monthly runs of the past, one in four with discarded jobs. */
function pastBatches(world: World): void {
  const { random, now } = world;
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
        addBatch(world, {
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
        addBatch(world, {
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
        addBatch(world, {
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

/** Every kind of batch that a page must explain. */
export function addBatches(world: World): void {
  const { now } = world;
  pastBatches(world);
  const importOn = {
    success: 'Imports::FinishedJob',
    finish: 'Reports::NotifyJob',
    discard: 'Operators::AlertJob',
  };
  addBatch(world, {
    id: DEMO_BATCHES.manyDiscarded,
    at: tokyoMidnight(now - 2 * DAY) + 10 * HOUR,
    jobClass: 'Imports::RowJob',
    description: '顧客マスタ移行（旧システムから）',
    properties: { source: 'legacy-crm', import: record('Import', 300), app: DEMO_APP },
    on: importOn,
    members: [succeeded(1_760), discarded(640)],
  });
  addBatch(world, {
    id: DEMO_BATCHES.running,
    at: now - 6 * MINUTE,
    jobClass: 'Imports::RowJob',
    description: '顧客インポート 株式会社青葉商事',
    properties: { import: record('Import', 311) },
    on: importOn,
    members: [succeeded(150), discarded(4), { count: 3, life: { state: 'retried' } }, queued(420)],
  });
  addBatch(world, {
    id: DEMO_BATCHES.runningSlowly,
    at: now - 11 * MINUTE,
    jobClass: 'Reports::MonthlySalesJob',
    description: 'Monthly sales by region',
    on: { finish: 'Reports::NotifyJob' },
    members: [succeeded(9), queued(32)],
  });
  addBatch(world, {
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
        life: {
          state: 'discarded',
          discardedByHandAt: now - 3 * HOUR,
          scheduledAt: now + 20 * HOUR,
        },
      },
    ],
  });
  addBatch(world, {
    id: DEMO_BATCHES.neverEnqueued,
    at: now - 26 * HOUR,
    jobClass: 'Documents::RenderPdfJob',
    description: 'Delivery notes (never enqueued)',
    on: { finish: 'Reports::NotifyJob' },
    neverEnqueued: true,
    members: [succeeded(6)],
  });
  addBatch(world, {
    id: DEMO_BATCHES.paused,
    at: now - 125 * MINUTE,
    jobClass: 'Customers::BackfillJob',
    description: '顧客属性のバックフィル',
    members: [succeeded(25), queued(15)],
  });
  addBatch(world, {
    id: DEMO_BATCHES.waiting,
    at: now - 90 * MINUTE,
    jobClass: 'Reminders::FollowUpJob',
    description: 'フォローアップ配信',
    on: { finish: 'Reports::NotifyJob' },
    members: [
      succeeded(8),
      { count: 24, life: { state: 'scheduled', scheduledAt: tokyoMidnight(now) + DAY + 9 * HOUR } },
    ],
  });
  addBatch(world, {
    id: DEMO_BATCHES.lostWorker,
    at: now - 70 * MINUTE,
    jobClass: 'Documents::RenderPdfJob',
    description: '見積書PDF（ワーカー停止）',
    on: { finish: 'Reports::NotifyJob' },
    members: [succeeded(11), { count: 1, life: { state: 'running', lockedBy: DEAD_WORKER } }],
  });
  addBatch(world, {
    id: DEMO_BATCHES.empty,
    at: now - 9 * HOUR,
    jobClass: 'Imports::RowJob',
    description: '空のインポート',
    on: { finish: 'Imports::FinishedJob' },
    members: [],
  });
  addBatch(world, {
    id: DEMO_BATCHES.callbackDiscarded,
    at: now - 8 * HOUR,
    jobClass: 'Billing::GenerateInvoiceJob',
    description: 'Invoices, callback failed',
    on: { finish: 'Operators::AlertJob' },
    callbackState: 'discarded',
    members: [succeeded(31)],
  });
}
