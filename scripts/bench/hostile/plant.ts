import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import { codeOf } from '../../../lib/core/errors';
import { serializedParams } from '../../../test/harness/rows';

/** The rows that a group of measurements uses. */
export interface MeasuredRows {
  name: string;
  /** Job ids, the jobs with hostile texts first. */
  jobs: string[];
  batch: string;
  executions: string[];
  process: string | null;
  cronKey: string | null;
  jobClass: string | null;
  queue: string | null;
  /** Job ids by state, which determines the possible actions. */
  byState: Record<
    'discarded' | 'queued' | 'scheduled' | 'succeeded' | 'retried' | 'running',
    string[]
  >;
  /** Names of the hostile texts in the rows. */
  texts: string[];
}

/** Values by column name: text and jsonb as a string, text[] as an array. */
export type Values = Record<string, unknown>;

/** A job with hostile columns; `args` is the JSON text of its arguments. */
export interface HostileJob {
  columns?: Values;
  args?: string;
  execution?: Values;
  state?: keyof MeasuredRows['byState'];
}

const STATES = ['discarded', 'queued', 'retried', 'succeeded', 'scheduled', 'running'] as const;
const ERROR = 'Net::ReadTimeout: Net::ReadTimeout with #<TCPSocket:(closed)>';

async function insert(client: pg.Client, table: string, columns: Values): Promise<void> {
  const names = Object.keys(columns);
  await client.query(
    `INSERT INTO ${table} (${names.join(', ')})
     VALUES (${names.map((_, n) => `$${n + 1}`).join(', ')})`,
    Object.values(columns),
  );
}

function halve(value: unknown): unknown {
  if (typeof value === 'string') return Buffer.from(value.slice(0, value.length >> 1)).toString();
  return Array.isArray(value) ? value.map(halve) : value;
}

/** Inserts the row and halves its texts until they fit into the indexes. JSON is never cut. */
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
      if (codeOf(error) !== '54000') throw error;
      values = Object.fromEntries(
        Object.entries(values).map(([name, value]) => [
          name,
          /params|properties|state|value|_at$/.test(name) ? value : halve(value),
        ]),
      );
    }
  }
}

/** The timestamps of a job in that state. */
function timestampsFor(state: (typeof STATES)[number], secondsAgo: number): Values {
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

async function insertHostileJob(
  client: pg.Client,
  { args, columns = {} }: HostileJob,
  fixed: Values,
): Promise<string> {
  const id = randomUUID();
  const payload =
    args === undefined ? serializedParams(id) : withArguments(serializedParams(id), args);
  const ordinary = {
    id,
    active_job_id: id,
    queue_name: 'default',
    priority: 0,
    job_class: 'TestJob',
    executions_count: 1,
    serialized_params: payload,
    ...fixed,
  };
  await insertLongest(client, 'good_jobs', ordinary, columns);
  return id;
}

async function insertHostileExecution(
  client: pg.Client,
  jobId: string,
  job: HostileJob,
): Promise<string> {
  const id = randomUUID();
  const now = new Date().toISOString();
  await insert(client, 'good_job_executions', {
    id,
    active_job_id: jobId,
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
  return id;
}

/** Inserts the jobs as the newest ones, in one batch, each with an execution. */
export async function insertHostileJobs(
  client: pg.Client,
  name: string,
  jobs: HostileJob[],
  batch: Values = {},
): Promise<MeasuredRows> {
  const batchId = randomUUID();
  const subject: MeasuredRows = {
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
    const state = job.state ?? STATES[n % STATES.length] ?? 'queued';
    const timestamps = timestampsFor(state, 1 + n / 100);
    const id = await insertHostileJob(client, job, { batch_id: batchId, ...timestamps });
    subject.jobs.push(id);
    subject.executions.push(await insertHostileExecution(client, id, job));
    subject.byState[state].push(id);
  }
  await client.query('COMMIT');
  return subject;
}

/** Replaces the arguments as text, to avoid parsing a million elements. */
function withArguments(payload: string, args: string): string {
  return payload.replace('"arguments":[]', () => `"arguments":${args}`);
}

/** Reads the stored names of the rows for filters, if they fit into a URL. */
export async function readNames(client: pg.Client, subject: MeasuredRows): Promise<void> {
  const { rows } = await client.query<Record<'cron' | 'class' | 'queue', string | null>>(
    `SELECT cron_key AS cron, job_class AS class, queue_name AS queue
     FROM good_jobs
     WHERE id = ANY($1::uuid[])
     ORDER BY length(job_class), length(queue_name), length(cron_key)
     LIMIT 1`,
    [subject.jobs],
  );
  const inUrl = (name: string | null | undefined) =>
    name && encodeURIComponent(name).length < 2_000 ? name : null;
  subject.cronKey = inUrl(rows[0]?.cron);
  subject.jobClass = inUrl(rows[0]?.class);
  subject.queue = inUrl(rows[0]?.queue);
}

/** Inserts a process with a current heartbeat and this state. */
export async function insertHostileProcess(client: pg.Client, state: string): Promise<string> {
  const id = randomUUID();
  const now = new Date().toISOString();
  await insert(client, 'good_job_processes', { id, state, created_at: now, updated_at: now });
  return id;
}

/** Inserts an audit record of the job with hostile `values`. */
export async function insertHostileAudit(
  client: pg.Client,
  job: string,
  values: Values,
): Promise<void> {
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
