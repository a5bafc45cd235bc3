import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import sql from 'sql-template-tag';
import { advisoryKey, isProcessAlive } from '../../../lib/good-job/locks';
import type { GoodJobTables } from '../../../lib/good-job/tables';
import { DEAD_WORKER, type SchedulerState, processState } from '../data/workers';
import { type Target, asQuery, connect } from '../database';
import { skipBadRow } from './skip-bad-row';
import { type LockedJob, type Performance, performNext } from './thread';
import { WakeSignal } from './wake-signal';

/*
 * A GoodJob capsule: a row in good_job_processes with a heartbeat, a listener, and schedulers with
 * threads. One operating system process can have several.
 */

const HEARTBEAT_MS = 10_000;
/** Polling finds jobs that became due or were rescheduled without a notification. */
const POLL_MS = 1_000;

interface CapsuleOptions {
  target: Target;
  tables: GoodJobTables;
  host: string;
  cron: boolean;
  schedulers: { queues: readonly string[]; threads: number }[];
  perform: (job: LockedJob) => Performance;
}

export interface Capsule {
  processId: string;
  /** Rejects if the database is lost. */
  running: Promise<void>;
  /** Finishes running jobs early and deletes the process row. */
  stop(): Promise<void>;
}

/** `GoodJob::Process.cleanup`, except for the process that the demo shows as lost. */
async function cleanUp(client: pg.Client, tables: GoodJobTables): Promise<void> {
  const deadProcesses = sql`
    SELECT p.id
    FROM ${tables.processes} p
    WHERE NOT ${isProcessAlive(tables)}
      AND p.lock_type = 0
      AND p.id <> ${DEAD_WORKER}`;
  const { rows } = await client.query<{ id: string }>(asQuery(deadProcesses));
  const ids = rows.map(({ id }) => id);
  const unlockJobs = sql`
    UPDATE ${tables.jobs}
    SET locked_by_id = NULL, locked_at = NULL
    WHERE locked_by_id = ANY(${ids}::uuid[])`;
  await client.query(asQuery(unlockJobs));
  await client.query(asQuery(sql`DELETE FROM ${tables.processes} WHERE id = ANY(${ids}::uuid[])`));
}

/** Inserts or updates the process row. Recreates a deleted one, as `GoodJob::Process#refresh` does. */
async function reportProcess(
  client: pg.Client,
  { tables, host, cron }: CapsuleOptions,
  processId: string,
  states: SchedulerState[],
): Promise<void> {
  const memoryKb = Math.round(process.memoryUsage.rss() / 1024);
  const state = JSON.stringify(processState(host, process.pid, memoryKb, cron, states));
  const upsert = sql`
    INSERT INTO ${tables.processes} AS p (id, created_at, updated_at, lock_type, state)
    VALUES (${processId}, clock_timestamp(), clock_timestamp(), 0, ${state})
    ON CONFLICT (id) DO UPDATE
    SET state = EXCLUDED.state, updated_at = EXCLUDED.updated_at`;
  await client.query(asQuery(upsert));
}

interface ThreadContext {
  processId: string;
  stopping: AbortSignal;
  wakeSignal: WakeSignal;
}

/** Performs jobs until the capsule stops. */
async function runThread(
  { target, tables, host, perform }: CapsuleOptions,
  { processId, stopping, wakeSignal }: ThreadContext,
  queues: readonly string[],
  state: SchedulerState,
): Promise<void> {
  const client = await connect(target, `GoodJob::Scheduler ${host}`);
  try {
    while (!stopping.aborted) {
      state.activeThreads += 1;
      const result = await performNext({ client, tables, processId, queues, perform, stopping })
        .catch((error: unknown) => {
          skipBadRow(error);
          return 'none' as const;
        })
        .finally(() => {
          state.activeThreads -= 1;
        });
      if (result === 'none') await wakeSignal.wait(POLL_MS);
      else state[result] += 1;
    }
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Starts a capsule with its listener, heartbeat and threads. */
export async function startCapsule(options: CapsuleOptions): Promise<Capsule> {
  const { target, tables, host, schedulers } = options;
  const processId = randomUUID();
  const stopping = new AbortController();
  const wakeSignal = new WakeSignal();
  stopping.signal.addEventListener('abort', () => wakeSignal.close());
  const schedulersWithState = schedulers.map(({ queues, threads }) => {
    const state: SchedulerState = {
      queues: queues.join(',') || '*',
      maxThreads: threads,
      activeThreads: 0,
      succeeded: 0,
      errored: 0,
    };
    return { queues, state };
  });
  const states = schedulersWithState.map(({ state }) => state);

  const control = await connect(target, `GoodJob::Notifier ${host}`);
  await cleanUp(control, tables);
  await control.query(
    asQuery(
      sql`SELECT pg_advisory_lock(${advisoryKey('good_job_processes', sql`${processId}::uuid`)})`,
    ),
  );
  const report = () => reportProcess(control, options, processId, states);
  await report();
  control.on('notification', () => wakeSignal.wake());
  await control.query('LISTEN good_job');

  const heartbeat = (async () => {
    const stopSignal = new WakeSignal();
    stopping.signal.addEventListener('abort', () => stopSignal.close());
    while (await stopSignal.wait(HEARTBEAT_MS)) await report();
  })();
  const context = { processId, stopping: stopping.signal, wakeSignal };
  const threads = schedulersWithState.flatMap(({ queues, state }) =>
    Array.from({ length: state.maxThreads }, () => runThread(options, context, queues, state)),
  );
  const running = Promise.all([heartbeat, ...threads]).then(() => undefined);
  // A caller may never await `running`.
  running.catch(() => undefined);

  return {
    processId,
    running,
    async stop() {
      stopping.abort();
      await Promise.allSettled([heartbeat, ...threads]);
      await control
        .query(asQuery(sql`DELETE FROM ${tables.processes} WHERE id = ${processId}`))
        .catch(() => undefined);
      await control.end().catch(() => undefined);
    },
  };
}
