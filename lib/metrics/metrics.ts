import 'server-only';
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import sql, { type Sql, join } from 'sql-template-tag';
import { z } from 'zod';
import { listStalledRuns } from '../bulk/adoption';
import { env } from '../config/environment';
import { database, loadDetection } from '../context/detection';
import { redactNames } from '../context/redact-names';
import { contextFor, type Ctx } from '../context/request-context';
import { ConsoleError } from '../core/errors';
import { timestampMs } from '../core/text';
import type { Tx } from '../db/database';
import { runningByIndex } from '../good-job/locks';
import { GoodJobTables, hasIndex } from '../good-job/tables';
import { JOB_STATES, type JobState } from '../good-job/types';
import { countTabs } from '../jobs/counts';
import { parseJobFilter } from '../jobs/filters';
import type { Count } from '../jobs/types';
import { type QueueHead, readQueueHeads } from '../queues/depths';

/** The label of requests: a fixed set, so that clients cannot create new series. */
export const ROUTE_CLASSES = [
  'page',
  'action',
  'api',
  'download',
  'static',
  'auth',
  'probe',
  'metrics',
] as const;
export type RouteClass = (typeof ROUTE_CLASSES)[number];

/**
 * The recorder behind /metrics: the gateway records requests, Next's bundle provides the metrics.
 */
export interface Recorder {
  /** `status` is the HTTP status; null: the client disconnected before the end of the response. */
  record(route: RouteClass, status: number | null, seconds: number): void;
  /** All metrics in Prometheus' text format. */
  text(): Promise<{ contentType: string; body: string }>;
}

/** Maximum number of queues that have series; limited, because the names come from job data. */
export const MAX_QUEUES = 100;
/** Characters (UTF-16 code units) of a queue name with series. */
export const MAX_QUEUE_NAME = 200;
/** Jobs to count per queue and state. */
const COUNT_LIMIT = 10_000;
/** Jobs to count in all queues together. */
const TOTAL_COUNT_LIMIT = 200_000;
/** Jobs without `scheduled_at` to count per queue; only old GoodJob releases created them. */
const UNSET_COUNT_LIMIT = 1_000;
const TIMEOUT_MS = 2_000;

interface QueueNumber {
  queue: string;
  state: JobState;
  /** Exact or a lower bound. */
  count: Extract<Count, { count: number }>;
}

/** The job metrics; null: the count failed. */
interface JobNumbers {
  /** Bulk runs that no server continues. */
  stalledRuns: number | null;
  states: Record<JobState, Count> | null;
  queues: {
    numbers: QueueNumber[];
    /** How long the oldest ready job of each queue has waited; 0: no job is ready. */
    oldestReady: { queue: string; seconds: number }[];
    /** The same over all queues, including those without series. */
    oldestReadySeconds: number;
    /** Queues without series. */
    omitted: number;
    /** `omitted` is a lower bound. */
    omittedAtLeast: boolean;
  } | null;
}

const MAX_STALLED_RUNS = 1_000;

/** Returns the number of bulk runs that no server continues, at most 1,000. */
async function countStalledRuns(ctx: Ctx): Promise<number> {
  const runs = await ctx.db.read((tx) => listStalledRuns(tx, MAX_STALLED_RUNS), {
    timeoutMs: TIMEOUT_MS,
  });
  return runs.length;
}

/** Returns the jobs of all queues by state. */
export async function countStates(ctx: Ctx): Promise<Record<JobState, Count>> {
  return (await countTabs(ctx, parseJobFilter(new URLSearchParams()))).tabs;
}

/**
 * Returns the jobs by queue and state, and how long the oldest ready job of each queue has waited,
 * for the MAX_QUEUES queues with the oldest ready jobs. The scan is limited whatever the table
 * size; a number that it cannot determine is omitted, not estimated.
 */
export async function countQueues(ctx: Ctx): Promise<NonNullable<JobNumbers['queues']>> {
  const { tables } = ctx;
  const heads = await ctx.db.read((tx) => readQueueHeads(tx, tables), {
    timeoutMs: TIMEOUT_MS,
    byIndexOnly: true,
    inIndexOrder: true,
  });
  const ageOf = (at: string | null) => {
    const seconds = at === null ? 0 : (timestampMs(heads.now) - timestampMs(at)) / 1000;
    return Number.isFinite(seconds) ? Math.max(0, seconds) : 0;
  };
  const allQueues = [
    ...heads.open,
    ...heads.finished.map((name) => ({ name, oldestReadyAt: null })),
  ];
  const queuesWithSeries = await selectQueues(ctx, allQueues);
  const queues = queuesWithSeries.map(({ name }) => name);
  const ages = {
    oldestReady: queuesWithSeries.map(({ name, oldestReadyAt }) => ({
      queue: name,
      seconds: ageOf(oldestReadyAt),
    })),
    oldestReadySeconds: ageOf(heads.oldestReadyAt),
    omitted: allQueues.length + heads.tooLong - queuesWithSeries.length,
    omittedAtLeast: heads.more,
  };
  if (queues.length === 0) return { numbers: [], ...ages };
  const others = await ctx.db.read((tx) => countOthers(tx, ctx, queues), {
    timeoutMs: TIMEOUT_MS,
    byIndexOnly: true,
  });
  const waiting = await ctx.db.read((tx) => countWaiting(tx, ctx, queues), {
    timeoutMs: TIMEOUT_MS,
    byIndexOnly: true,
    inIndexOrder: true,
  });
  return { numbers: [...waiting, ...others], ...ages };
}

/** Names to redact at once. */
const REDACTION_CHUNK = 150;

/** The first MAX_QUEUES queues whose names are short and contain no secret. */
async function selectQueues(ctx: Ctx, heads: QueueHead[]): Promise<QueueHead[]> {
  const candidates = heads.filter(({ name }) => name !== '' && name.length <= MAX_QUEUE_NAME);
  const selection: QueueHead[] = [];
  for (let at = 0; at < candidates.length && selection.length < MAX_QUEUES; at += REDACTION_CHUNK) {
    const chunk = candidates.slice(at, at + REDACTION_CHUNK);
    const redactName = await redactNames(
      ctx,
      'queue_name',
      chunk.map(({ name }) => name),
    );
    selection.push(...chunk.filter(({ name }) => redactName(name) === name));
  }
  return selection.slice(0, MAX_QUEUES);
}

const WAITING_STATES = ['queued', 'scheduled', 'retried'] as const;
const isWaiting = sql`j.finished_at IS NULL AND j.performed_at IS NULL`;
const isDue = sql`j.scheduled_at <= now()`;
const isFuture = sql`j.scheduled_at > now()`;

/**
 * The waiting jobs of the queue `q.queue` by index_good_jobs_on_queue_name_and_scheduled_at. The
 * queue is a range, because for `queue_name = x` the planner may choose an index on scheduled_at
 * and read the jobs of all queues.
 */
const scheduledJobs = (tables: GoodJobTables, condition: Sql, limit: number) => sql`
  SELECT j.error, j.scheduled_at
    FROM ${tables.jobs} j
   WHERE j.queue_name >= q.queue
     AND j.queue_name <= q.queue
     AND ${condition}
     AND ${isWaiting}
   ORDER BY j.queue_name, j.scheduled_at
   LIMIT ${limit}`;

const unsetJobs = (tables: GoodJobTables) => sql`
  SELECT j.error, j.created_at
    FROM ${tables.jobs} j
   WHERE j.queue_name = q.queue
     AND ${isWaiting}
     AND j.scheduled_at IS NULL
   LIMIT ${UNSET_COUNT_LIMIT + 1}`;

const waitingRow = z.strictObject({
  queue: z.string(),
  state: z.enum(WAITING_STATES),
  count: z.number(),
  /** The count reached its limit. */
  more: z.boolean(),
});

/** Queued, scheduled and retried jobs. */
async function countWaiting(tx: Tx, { tables }: Ctx, queues: string[]): Promise<QueueNumber[]> {
  const queueShare = Math.floor(TOTAL_COUNT_LIMIT / 2 / queues.length);
  const maxCount = Math.max(500, Math.min(COUNT_LIMIT, queueShare));
  const part = (state: Sql, jobs: Sql, limit: number) => sql`
    SELECT q.queue, c.state, c.count,
           sum(c.count) OVER (PARTITION BY q.queue) > ${limit} AS more
      FROM unnest(${queues}::text[]) q(queue),
           LATERAL (SELECT ${state} AS state, count(*)::int AS count
                      FROM (${jobs}) j
                     GROUP BY 1) c`;
  const futureState = sql`CASE WHEN j.error IS NULL THEN 'scheduled' ELSE 'retried' END`;
  const parts = [
    part(sql`'queued'`, scheduledJobs(tables, isDue, maxCount + 1), maxCount),
    part(sql`'queued'`, unsetJobs(tables), UNSET_COUNT_LIMIT),
    part(futureState, scheduledJobs(tables, isFuture, maxCount + 1), maxCount),
  ];
  const rows = await tx.query(waitingRow, join(parts, ' UNION ALL '));
  return queues.flatMap((queue) =>
    WAITING_STATES.map((state) => {
      const ofQueue = rows.filter((row) => row.queue === queue);
      // Scheduled and retried jobs share a limit.
      const isLowerBound = ofQueue.some(
        (row) => row.more && (state === 'queued') === (row.state === 'queued'),
      );
      const count = ofQueue
        .filter((row) => row.state === state)
        .reduce((sum, row) => sum + row.count, 0);
      return {
        queue,
        state,
        count: {
          kind: isLowerBound ? ('at_least' as const) : ('exact' as const),
          count: isLowerBound ? Math.min(count, maxCount) : count,
        },
      };
    }),
  );
}

const otherRow = z.strictObject({
  /**
   * The state whose subquery counted the jobs; the one for `succeeded` also counts discarded jobs.
   */
  part: z.enum(JOB_STATES),
  queue: z.string().nullable(),
  state: z.enum(JOB_STATES),
  count: z.number(),
});

/** Running, discarded and succeeded jobs; a state with more than COUNT_LIMIT jobs is omitted. */
async function countOthers(tx: Tx, { tables }: Ctx, queues: string[]): Promise<QueueNumber[]> {
  const hasDiscardedIndex = hasIndex(tables, 'add_index_good_jobs_discarded');
  const isRunning = sql`
    ${await runningByIndex(tx, tables)}
    AND j.finished_at IS NULL
    AND j.performed_at IS NOT NULL`;
  const isDiscarded = sql`j.finished_at IS NOT NULL AND j.error IS NOT NULL`;
  const parts: { state: JobState; where: Sql }[] = [{ state: 'running', where: isRunning }];
  if (hasDiscardedIndex) parts.push({ state: 'discarded', where: isDiscarded });
  parts.push({ state: 'succeeded', where: sql`j.finished_at IS NOT NULL` });
  const countPart = ({ state, where }: (typeof parts)[number]) => sql`
    SELECT ${state} AS part,
           left(j.queue_name, ${MAX_QUEUE_NAME + 1}::int) AS queue,
           CASE WHEN ${state} <> 'succeeded' OR j.error IS NULL
                THEN ${state}
                ELSE 'discarded'
           END AS state,
           count(*)::int AS count
      FROM (SELECT j.queue_name, j.error
              FROM ${tables.jobs} j
             WHERE ${where}
             LIMIT ${COUNT_LIMIT + 1}) j
     GROUP BY 1, 2, 3`;
  const rows = await tx.query(otherRow, join(parts.map(countPart), ' UNION ALL '));
  return parts.flatMap(({ state }) => {
    const ofPart = rows.filter(({ part }) => part === state);
    if (ofPart.reduce((sum, { count }) => sum + count, 0) > COUNT_LIMIT) return [];
    return queues.map((queue) => ({
      queue,
      state,
      count: {
        kind: 'exact' as const,
        count: ofPart.find((row) => row.queue === queue && row.state === state)?.count ?? 0,
      },
    }));
  });
}

/**
 * Cache TTL of the job metrics: a base, plus TTL_PER_QUERY_MS for each millisecond the count took.
 */
const TTL_MS = 10_000;
const TTL_PER_QUERY_MS = 30;
const MAX_EXTRA_TTL_MS = 60_000;

/**
 * Creates the recorder of /metrics: current metrics of the console's requests and connections, and
 * cached metrics of the jobs. `context` is for tests.
 */
export function createRecorder(context: () => Promise<Ctx> = systemCtx): Recorder {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const requests = new Counter({
    name: 'good_job_console_http_requests_total',
    help:
      'Requests to the console by route class and HTTP status; ' +
      '`gone`: the client disconnected before the end of the response.',
    labelNames: ['route', 'status'],
    registers: [registry],
  });
  const durations = new Histogram({
    name: 'good_job_console_http_request_duration_seconds',
    help: 'Time from the request to the end of the response.',
    labelNames: ['route'],
    buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [registry],
  });
  new Gauge({
    name: 'good_job_console_database_connections',
    help: 'Connections of the console to its database; `waiting`: requests waiting for a connection.',
    labelNames: ['state'],
    registers: [registry],
    collect() {
      for (const [state, count] of Object.entries(database().poolState()))
        this.set({ state }, count);
    },
  });
  const jobText = cachedJobText(context);
  return {
    record(route, status, seconds) {
      requests.inc({ route, status: status === null ? 'gone' : String(status) });
      durations.observe({ route }, seconds);
    },
    text: async () => ({
      contentType: registry.contentType,
      body: `${await registry.metrics()}\n${await jobText()}`,
    }),
  };
}

/** Concurrent scrapes share one count, so the entry never expires while it is pending. */
function cachedJobText(context: () => Promise<Ctx>): () => Promise<string> {
  let cached: { text: Promise<string>; expiresAtMs: number } | undefined;
  return () => {
    if (cached && cached.expiresAtMs > Date.now()) return cached.text;
    const startedAtMs = Date.now();
    const entry = { text: readNumbers(context).then(toJobText), expiresAtMs: Infinity };
    void entry.text.finally(() => {
      const tookMs = Date.now() - startedAtMs;
      const extraMs = Math.min(tookMs * TTL_PER_QUERY_MS, MAX_EXTRA_TTL_MS);
      entry.expiresAtMs = Date.now() + TTL_MS + extraMs;
    });
    cached = entry;
    return entry.text;
  };
}

/** The metrics contain only numbers and queue names, so the role `viewer` is sufficient. */
async function systemCtx(): Promise<Ctx> {
  const { schema, consoleSchema } = await loadDetection();
  if (schema.problem) throw new ConsoleError(schema.problem);
  const tables = new GoodJobTables(schema, {
    appName: null,
    locale: 'en',
    timeZone: 'UTC',
    dequeueQuerySort: env().dequeueQuerySort,
  });
  return contextFor({
    viewer: { id: 'metrics', role: 'viewer' },
    db: database(),
    tables,
    consoleSchema,
    requestId: 'metrics',
    readOnly: true,
  });
}

type TimedNumbers = JobNumbers & { seconds: number };

/** A failed count is null, so that /metrics still returns the others. */
async function readNumbers(context: () => Promise<Ctx>): Promise<TimedNumbers> {
  const startedAt = performance.now();
  const ctx = await context().catch(logError);
  const states = ctx && (await countStates(ctx).catch(logError));
  const queues = ctx && (await countQueues(ctx).catch(logError));
  const stalledRuns = ctx && (await countStalledRuns(ctx).catch(logError));
  return { states, queues, stalledRuns, seconds: (performance.now() - startedAt) / 1000 };
}

function logError(error: unknown): null {
  console.error('Metrics:', error);
  return null;
}

type CreateGauge = <Label extends string>(
  name: string,
  help: string,
  ...labelNames: Label[]
) => Gauge<Label>;

/** A new registry for each count, so that series of deleted queues disappear. */
async function toJobText({ states, queues, stalledRuns, seconds }: TimedNumbers): Promise<string> {
  const registry = new Registry();
  const gauge: CreateGauge = (name, help, ...labelNames) =>
    new Gauge({ name, help, labelNames, registers: [registry] });
  const isCollected = gauge(
    'good_job_collected',
    '1: this part of the numbers below could be counted.',
    'part',
  );
  isCollected.set({ part: 'states' }, states ? 1 : 0);
  isCollected.set({ part: 'queues' }, queues ? 1 : 0);
  gauge('good_job_collected_timestamp_seconds', 'When the jobs were counted.').set(
    Date.now() / 1000,
  );
  gauge('good_job_collected_duration_seconds', 'How long counting the jobs took.').set(seconds);
  if (stalledRuns !== null)
    gauge(
      'good_job_console_bulk_runs_interrupted',
      'Bulk runs that stopped after several attempts without progress and wait for a user.',
    ).set(stalledRuns);
  if (states) setStateGauges(gauge, states);
  if (queues) setQueueGauges(gauge, queues);
  return registry.metrics();
}

function setStateGauges(gauge: CreateGauge, states: NonNullable<JobNumbers['states']>): void {
  const jobs = gauge(
    'good_job_jobs',
    'Jobs by state. good_job_jobs_precision has the accuracy of the number.',
    'state',
  );
  const precision = gauge(
    'good_job_jobs_precision',
    'exact; at_least: a lower bound; estimate: from the table statistics; ' +
      'unknown: the count timed out.',
    'state',
    'kind',
  );
  for (const [state, count] of Object.entries(states)) {
    if (count.kind !== 'unknown') jobs.set({ state }, count.count);
    precision.set({ state, kind: count.kind }, 1);
  }
}

function setQueueGauges(gauge: CreateGauge, queues: NonNullable<JobNumbers['queues']>): void {
  const jobs = gauge(
    'good_job_queue_jobs',
    'Jobs by queue and state. ' +
      'No series for running, succeeded or discarded if more than 10,000 jobs are in the state.',
    'queue',
    'state',
  );
  const atLeast = gauge(
    'good_job_queue_jobs_at_least',
    '1: good_job_queue_jobs is a lower bound.',
    'queue',
    'state',
  );
  const oldest = gauge(
    'good_job_queue_oldest_ready_seconds',
    'How long the oldest ready job of the queue has waited; 0: no job is ready.',
    'queue',
  );
  for (const { queue, state, count } of queues.numbers) {
    jobs.set({ queue, state }, count.count);
    if (count.kind === 'at_least') atLeast.set({ queue, state }, 1);
  }
  for (const { queue, seconds } of queues.oldestReady) oldest.set({ queue }, seconds);
  gauge(
    'good_job_oldest_ready_seconds',
    'How long the oldest ready job of all queues has waited, including queues without series; ' +
      '0: no job is ready.',
  ).set(queues.oldestReadySeconds);
  gauge(
    'good_job_queues_omitted',
    'Queues without series: beyond the 100 with the oldest ready jobs, ' +
      'or with a name that is longer than 200 characters or contains a secret.',
  ).set(queues.omitted);
  gauge(
    'good_job_queues_omitted_at_least',
    '1: there are more than 10,000 queues, and good_job_queues_omitted is a lower bound.',
  ).set(queues.omittedAtLeast ? 1 : 0);
}
