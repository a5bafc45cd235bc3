import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { params } from '../../../test/harness/rows';

/** Rows that a group of measurements looks at. */
export interface Subject {
  name: string;
  /** The job whose row carries the hostile text first, then the others. */
  jobs: string[];
  batch: string;
  executions: string[];
  process: string | null;
  cronKey: string | null;
  jobClass: string | null;
  queue: string | null;
  /** Jobs by what may be done to them. */
  byState: Record<
    'discarded' | 'queued' | 'scheduled' | 'succeeded' | 'retried' | 'running',
    string[]
  >;
  /** What its rows hold: texts and their lengths. */
  texts: string[];
}

/** Columns by name: text as it is, jsonb as its text, text[] as an array. */
export type Values = Record<string, unknown>;

/** A job by its hostile columns; `args` is the text of its arguments. */
export interface PlantedJob {
  columns?: Values;
  args?: string;
  execution?: Values;
  state?: keyof Subject['byState'];
}

const STATES = ['discarded', 'queued', 'retried', 'succeeded', 'scheduled', 'running'] as const;
const ERROR = 'Net::ReadTimeout: Net::ReadTimeout with #<TCPSocket:(closed)>';

async function insert(client: pg.Client, table: string, columns: Values): Promise<void> {
  const names = Object.keys(columns);
  await client.query(
    `INSERT INTO ${table} (${names.join(', ')}) VALUES (${names.map((_, n) => `$${n + 1}`).join(', ')})`,
    Object.values(columns),
  );
}

const shorter = (value: unknown): unknown =>
  typeof value === 'string'
    ? Buffer.from(value.slice(0, value.length >> 1)).toString()
    : Array.isArray(value)
      ? value.map(shorter)
      : value;

/** Inserts the row with its texts as long as an index takes them: halved until it does. JSON is never cut. */
async function insertLongest(
  client: pg.Client,
  table: string,
  fixed: Values,
  hostile: Values,
): Promise<void> {
  for (let values = hostile; ;) {
    await client.query('SAVEPOINT planted');
    try {
      await insert(client, table, { ...fixed, ...values });
      return;
    } catch (error) {
      await client.query('ROLLBACK TO SAVEPOINT planted');
      // program_limit_exceeded: an index row has at most 2,704 bytes after compression.
      if ((error as { code?: string }).code !== '54000') throw error;
      values = Object.fromEntries(
        Object.entries(values).map(([name, value]) => [
          name,
          /params|properties|state|value|_at$/.test(name) ? value : shorter(value),
        ]),
      );
    }
  }
}

/** Times of a row in that state, as the tables have them. */
function timesOf(state: (typeof STATES)[number], secondsAgo: number): Values {
  const at = (seconds: number) => new Date(Date.now() - seconds * 1000).toISOString();
  const created = { created_at: at(secondsAgo), updated_at: at(secondsAgo) };
  switch (state) {
    case 'queued':
      return { ...created, scheduled_at: at(secondsAgo) };
    case 'scheduled':
      return { ...created, scheduled_at: at(-3_600 - secondsAgo) };
    case 'retried':
      return { ...created, scheduled_at: at(-3_600 - secondsAgo), error: ERROR, error_event: 3 };
    case 'running':
      return { ...created, scheduled_at: at(secondsAgo), performed_at: at(secondsAgo) };
    default:
      return {
        ...created,
        scheduled_at: at(secondsAgo),
        performed_at: at(secondsAgo),
        finished_at: at(secondsAgo - 0.5),
        ...(state === 'discarded' ? { error: ERROR, error_event: 4 } : {}),
      };
  }
}

/** Inserts the jobs, newest first in every list, as the members of one batch, each with an execution. */
export async function plantJobs(
  client: pg.Client,
  name: string,
  jobs: PlantedJob[],
  batch: Values = {},
): Promise<Subject> {
  const batchId = randomUUID();
  const subject: Subject = {
    name,
    jobs: [],
    batch: batchId,
    executions: [],
    process: null,
    cronKey: null,
    jobClass: null,
    queue: null,
    byState: { discarded: [], queued: [], scheduled: [], succeeded: [], retried: [], running: [] },
    texts: [],
  };
  await client.query('BEGIN');
  const now = new Date().toISOString();
  await insertLongest(
    client,
    'good_job_batches',
    {
      id: batchId,
      created_at: now,
      updated_at: now,
      enqueued_at: now,
      serialized_properties: '{"_aj_symbol_keys": []}',
    },
    batch,
  );
  for (const [n, job] of jobs.entries()) {
    const id = randomUUID();
    const state = job.state ?? STATES[n % STATES.length] ?? 'queued';
    const payload = job.args === undefined ? params(id) : withArguments(params(id), job.args);
    await insertLongest(
      client,
      'good_jobs',
      {
        id,
        active_job_id: id,
        queue_name: 'default',
        priority: 0,
        job_class: 'TestJob',
        executions_count: 1,
        batch_id: batchId,
        serialized_params: payload,
        ...timesOf(state, 1 + n / 100),
      },
      job.columns ?? {},
    );
    const execution = randomUUID();
    await insert(client, 'good_job_executions', {
      id: execution,
      active_job_id: id,
      created_at: now,
      updated_at: now,
      finished_at: now,
      job_class: 'TestJob',
      queue_name: 'default',
      error: ERROR,
      error_event: 3,
      error_backtrace: ["/app/app/jobs/test_job.rb:1:in 'perform'"],
      ...job.execution,
    });
    subject.jobs.push(id);
    subject.executions.push(execution);
    subject.byState[state].push(id);
  }
  await client.query('COMMIT');
  return subject;
}

/** The payload with these arguments, spliced in as text: a million elements need no parsing here. */
function withArguments(payload: string, args: string): string {
  return payload.replace('"arguments":[]', () => `"arguments":${args}`);
}

/** What the planted rows' lists can be filtered by: the names that Postgres holds, if a URL takes them. */
export async function readNames(client: pg.Client, subject: Subject): Promise<void> {
  const { rows } = await client.query<Record<'cron' | 'class' | 'queue', string | null>>(
    'SELECT cron_key AS cron, job_class AS class, queue_name AS queue FROM good_jobs WHERE id = ANY($1::uuid[]) ORDER BY length(job_class), length(queue_name), length(cron_key) LIMIT 1',
    [subject.jobs],
  );
  const inUrl = (name: string | null | undefined) =>
    name && encodeURIComponent(name).length < 2_000 ? name : null;
  subject.cronKey = inUrl(rows[0]?.cron);
  subject.jobClass = inUrl(rows[0]?.class);
  subject.queue = inUrl(rows[0]?.queue);
}

/** A worker that was seen now, with this state. */
export async function plantProcess(client: pg.Client, state: string): Promise<string> {
  const id = randomUUID();
  const now = new Date().toISOString();
  await insert(client, 'good_job_processes', { id, state, created_at: now, updated_at: now });
  return id;
}

/** Rows of the audit that name the job. `values`: its other columns. */
export async function plantAudit(client: pg.Client, job: string, values: Values): Promise<void> {
  await client.query('BEGIN');
  await insertLongest(
    client,
    'good_job_console.audit_events',
    {
      viewer: 'operator',
      role: 'operator',
      request_id: randomUUID(),
      action: 'job.retry',
      target_type: 'job',
      target_ids: [job],
      counts: '{"done": 1}',
      details: '{}',
    },
    values,
  );
  await client.query('COMMIT');
}
