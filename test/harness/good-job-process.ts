import { randomUUID } from 'node:crypto';
import os from 'node:os';
import pg from 'pg';
import { insertProcess } from './rows';

/** A copy of `lockKey` in test-console.ts, which browser tests cannot import. */
const lockKey = (table: 'good_jobs' | 'good_job_processes', id: string) =>
  `('x' || substr(md5('${table}-${id}'), 1, 16))::bit(64)::bigint`;

export type Strategy = 'advisory' | 'skiplocked' | 'hybrid';
const LOCK_TYPES = { advisory: 0, skiplocked: 1, hybrid: 2 } as const;

/** Simulates a GoodJob process: its row, its advisory lock, and the locks of its jobs. */
export class GoodJobProcess {
  private constructor(
    readonly id: string,
    private readonly session: pg.Client,
    private readonly strategy: Strategy,
  ) {}

  /** `queues` has one queue string per scheduler. */
  static async start(
    url: string,
    {
      strategy = 'advisory',
      queues = ['*'],
      preserve = true,
      cron = false,
    }: {
      strategy?: Strategy;
      queues?: string[];
      preserve?: boolean | 'on_unhandled_error';
      cron?: boolean;
    } = {},
  ): Promise<GoodJobProcess> {
    const session = new pg.Client({ connectionString: url });
    await session.connect();
    await session.query(`SET TIME ZONE 'UTC'`);
    const id = randomUUID();
    await session.query(`SELECT pg_advisory_lock(${lockKey('good_job_processes', id)})`);
    await insertProcess(session, {
      id,
      lock_type: 0,
      state: JSON.stringify(processState(queues, preserve, cron)),
    });
    return new GoodJobProcess(id, session, strategy);
  }

  /** Locks and starts a job. With `started: false` the process has locked it only. */
  async run(jobId: string, { started = true } = {}): Promise<void> {
    if (this.strategy !== 'skiplocked')
      await this.session.query(`SELECT pg_advisory_lock(${lockKey('good_jobs', jobId)})`);
    const startColumns = `,
         performed_at = now() - interval '1 minute',
         executions_count = coalesce(executions_count, 0) + 1`;
    await this.session.query(
      `UPDATE good_jobs
       SET locked_by_id = $2,
         locked_at = now() - interval '1 minute',
         lock_type = $3${started ? startColumns : ''}
       WHERE id = $1`,
      [jobId, this.id, LOCK_TYPES[this.strategy]],
    );
  }

  /** Simulates kill -9: the session ends its locks, but the row remains. */
  async die(): Promise<void> {
    await this.session.end();
  }

  /** Simulates a clean shutdown, which also deletes the row. */
  async stop(): Promise<void> {
    await this.session.query('DELETE FROM good_job_processes WHERE id = $1', [this.id]);
    await this.session.end();
  }
}

/** The value of `GoodJob::Process.process_state`. */
function processState(queues: string[], preserve: boolean | 'on_unhandled_error', cron: boolean) {
  return {
    hostname: os.hostname(),
    pid: process.pid,
    memory: 100_000,
    proctitle: 'good_job start',
    preserve_job_records: preserve,
    retry_on_unhandled_error: false,
    cron_enabled: cron,
    schedulers: queues.map((queue) => ({
      name: `GoodJob::Scheduler(queues=${queue} max_threads=2)`,
      queues: queue,
      max_threads: 2,
      active_threads: 0,
      available_threads: 2,
    })),
    database_connection_pool: { size: 10, active: 2 },
  };
}
