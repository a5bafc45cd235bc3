import 'server-only';
import { Counter, Gauge, Histogram, Registry, collectDefaultMetrics } from 'prom-client';
import { env } from '../config/environment';
import { database, detected } from '../context/detection';
import { contextFor } from '../context/request-context';
import type { Ctx } from '../context/types';
import { ConsoleError } from '../core/errors';
import { GoodJobTables } from '../good-job/tables';
import { type JobNumbers, countQueues, countStalledRuns, countStates } from './job-numbers';
import type { Recorder } from './recorder';

/** Numbers of jobs are kept so long, and what took its time to count so much longer. */
const KEPT_MS = 10_000;
const KEPT_PER_MS = 30;
const KEPT_MS_MOST = 60_000;

/** What /metrics says: the console's own requests and connections as they are now, the jobs as of some seconds ago. */
export function createRecorder(context: () => Promise<Ctx> = systemCtx): Recorder {
  const own = new Registry();
  collectDefaultMetrics({ register: own });
  const requests = new Counter({
    name: 'good_job_console_http_requests_total',
    help: 'Requests to the console by class of route and HTTP status; `gone`: the client left before the answer was whole.',
    labelNames: ['route', 'status'],
    registers: [own],
  });
  const durations = new Histogram({
    name: 'good_job_console_http_request_duration_seconds',
    help: 'Time from a request to the end of its answer.',
    labelNames: ['route'],
    buckets: [0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
    registers: [own],
  });
  new Gauge({
    name: 'good_job_console_database_connections',
    help: 'Connections of the console to its database; `waiting`: requests that wait for one.',
    labelNames: ['state'],
    registers: [own],
    collect() {
      for (const [state, count] of Object.entries(database().poolState()))
        this.set({ state }, count);
    },
  });
  let kept: { text: Promise<string>; until: number } | undefined;
  const jobs = () => {
    if (kept && kept.until > Date.now()) return kept.text;
    const started = Date.now();
    const entry = { text: numbersOf(context).then(jobText), until: Infinity };
    void entry.text.finally(
      () =>
        (entry.until =
          Date.now() + KEPT_MS + Math.min((Date.now() - started) * KEPT_PER_MS, KEPT_MS_MOST)),
    );
    kept = entry;
    return entry.text;
  };
  return {
    record(route, status, seconds) {
      requests.inc({ route, status: status === null ? 'gone' : String(status) });
      durations.observe({ route }, seconds);
    },
    text: async () => ({
      contentType: own.contentType,
      body: `${await own.metrics()}\n${await jobs()}`,
    }),
  };
}

/** Nobody asks here; whoever may read /metrics reads numbers and the names of queues. */
async function systemCtx(): Promise<Ctx> {
  const { schema, consoleSchema } = await detected();
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

/** What cannot be counted now is left out and named; the rest is still worth a scrape. */
async function numbersOf(context: () => Promise<Ctx>): Promise<JobNumbers & { seconds: number }> {
  const started = performance.now();
  const ctx = await context().catch(report);
  const states = ctx && (await countStates(ctx).catch(report));
  const queues = ctx && (await countQueues(ctx).catch(report));
  const stalledRuns = ctx && (await countStalledRuns(ctx).catch(report));
  return { states, queues, stalledRuns, seconds: (performance.now() - started) / 1000 };
}

function report(error: unknown): null {
  console.error('Metrics:', error);
  return null;
}

/** A registry of its own for each count: a series that is gone must not live on. prom-client escapes the names of queues. */
async function jobText({
  states,
  queues,
  stalledRuns,
  seconds,
}: JobNumbers & { seconds: number }): Promise<string> {
  const registers = [new Registry()];
  const gauge = <Label extends string>(name: string, help: string, ...labelNames: Label[]) =>
    new Gauge({ name, help, labelNames, registers });
  const collected = gauge(
    'good_job_collected',
    '1: this part of the numbers below could be counted.',
    'part',
  );
  collected.set({ part: 'states' }, states ? 1 : 0);
  collected.set({ part: 'queues' }, queues ? 1 : 0);
  gauge('good_job_collected_timestamp_seconds', 'When the jobs were counted.').set(
    Date.now() / 1000,
  );
  gauge('good_job_collected_duration_seconds', 'How long it took to count them.').set(seconds);
  if (stalledRuns !== null)
    gauge(
      'good_job_console_bulk_runs_interrupted',
      'Bulk runs that servers continued several times without progress, and that wait for a person.',
    ).set(stalledRuns);
  if (states) {
    const jobs = gauge(
      'good_job_jobs',
      'Jobs by state. good_job_jobs_precision says how good the number is.',
      'state',
    );
    const precision = gauge(
      'good_job_jobs_precision',
      'exact; at_least: there are so many or more; estimate: by the statistics of the table; unknown: no number in time.',
      'state',
      'kind',
    );
    for (const [state, count] of Object.entries(states)) {
      if (count.kind !== 'unknown') jobs.set({ state }, count.count);
      precision.set({ state, kind: count.kind }, 1);
    }
  }
  if (queues) {
    const jobs = gauge(
      'good_job_queue_jobs',
      'Jobs by queue and state. Of states with more than 10,000 running, succeeded or discarded jobs nothing is said by queue.',
      'queue',
      'state',
    );
    const cut = gauge(
      'good_job_queue_jobs_at_least',
      '1: there are as many as good_job_queue_jobs says, or more.',
      'queue',
      'state',
    );
    const oldest = gauge(
      'good_job_queue_oldest_ready_seconds',
      'How long the oldest job of the queue that is ready has waited; 0: none is ready.',
      'queue',
    );
    for (const { queue, state, count } of queues.numbers) {
      jobs.set({ queue, state }, count.count);
      if (count.kind === 'at_least') cut.set({ queue, state }, 1);
    }
    for (const { queue, seconds: age } of queues.oldestReady) oldest.set({ queue }, age);
    gauge(
      'good_job_oldest_ready_seconds',
      'How long the oldest ready job of all queues has waited, those without series too; 0: none is ready.',
    ).set(queues.oldestReadySeconds);
    gauge(
      'good_job_queues_omitted',
      'Queues without series: beyond the hundred whose jobs wait longest, or with a name of more than 200 characters, or one that shows a secret.',
    ).set(queues.omitted);
    gauge(
      'good_job_queues_omitted_at_least',
      '1: there are more than 10,000 queues, and good_job_queues_omitted is a lower bound.',
    ).set(queues.omittedAtLeast ? 1 : 0);
  }
  return registers[0]?.metrics() ?? '';
}
