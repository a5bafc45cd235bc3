import { randomUUID } from 'node:crypto';
import type pg from 'pg';
import sql from 'sql-template-tag';
import { advisoryKey, isProcessAlive } from '../../../lib/good-job/locks';
import type { GoodJobTables } from '../../../lib/good-job/tables';
import { DEAD_WORKER, type SchedulerState, processState } from '../data/workers';
import { type Target, asTx, connect } from '../database';
import { WakeSignal } from './wake-signal';
import { skipBadRow } from './skip-bad-row';
import { type ClaimedJob, type Performance, asQuery, performNext } from './thread';

/*
 * What GoodJob calls a capsule: a row in good_job_processes with a heartbeat, a listener, and schedulers with
 * threads. Several may live in one operating system process.
 */

const HEARTBEAT_MS = 10_000;
/** Between looks at the queue when nobody notifies: for jobs that were scheduled, or rescheduled without a notification. */
const POLL_MS = 1_000;

export interface CapsuleOptions {
  target: Target;
  tables: GoodJobTables;
  host: string;
  cron: boolean;
  schedulers: { queues: readonly string[]; threads: number }[];
  perform: (job: ClaimedJob) => Performance;
}

export interface Capsule {
  processId: string;
  /** Rejects when it cannot go on: the database is gone. */
  running: Promise<void>;
  /** Ends what runs early but properly, and takes the process row away. */
  stop(): Promise<void>;
}

/** GoodJob::Process.cleanup, but for the one that the demo shows as lost: visitors are to find its jobs. */
async function cleanUp(client: pg.Client, tables: GoodJobTables): Promise<void> {
  const tx = asTx(client);
  const dead = await tx.query<{ id: string }>(
    sql`SELECT p.id FROM ${tables.processes} p WHERE NOT ${isProcessAlive(tables)} AND p.lock_type = 0 AND p.id <> ${DEAD_WORKER}`,
  );
  const ids = dead.map(({ id }) => id);
  await tx.query(
    sql`UPDATE ${tables.jobs} SET locked_by_id = NULL, locked_at = NULL WHERE locked_by_id = ANY(${ids}::uuid[])`,
  );
  await tx.query(sql`DELETE FROM ${tables.processes} WHERE id = ANY(${ids}::uuid[])`);
}

export async function startCapsule({
  target,
  tables,
  host,
  cron,
  schedulers,
  perform,
}: CapsuleOptions): Promise<Capsule> {
  const processId = randomUUID();
  const stopping = new AbortController();
  const bell = new WakeSignal();
  stopping.signal.addEventListener('abort', () => bell.close());
  const states: SchedulerState[] = schedulers.map(({ queues, threads }) => ({
    queues: queues.join(',') || '*',
    maxThreads: threads,
    activeThreads: 0,
    succeeded: 0,
    errored: 0,
  }));

  const control = await connect(target, `GoodJob::Notifier ${host}`);
  await cleanUp(control, tables);
  await control.query(
    asQuery(
      sql`SELECT pg_advisory_lock(${advisoryKey('good_job_processes', sql`${processId}::uuid`)})`,
    ),
  );
  const report = () => {
    const state = processState(
      host,
      process.pid,
      Math.round(process.memoryUsage.rss() / 1024),
      cron,
      states,
    );
    // A row that somebody has deleted comes back, as GoodJob::Process#refresh does it.
    return asTx(control).query(sql`
      INSERT INTO ${tables.processes} AS p (id, created_at, updated_at, lock_type, state) VALUES (${processId}, clock_timestamp(), clock_timestamp(), 0, ${JSON.stringify(state)})
      ON CONFLICT (id) DO UPDATE SET state = EXCLUDED.state, updated_at = EXCLUDED.updated_at`);
  };
  await report();
  control.on('notification', () => bell.ring());
  await control.query('LISTEN good_job');

  const heartbeat = (async () => {
    const pulse = new WakeSignal();
    stopping.signal.addEventListener('abort', () => pulse.close());
    while (await pulse.wait(HEARTBEAT_MS)) await report();
  })();
  const thread = async (queues: readonly string[], state: SchedulerState) => {
    const client = await connect(target, `GoodJob::Scheduler ${host}`);
    try {
      while (!stopping.signal.aborted) {
        state.activeThreads += 1;
        const performed = await performNext({
          client,
          tables,
          processId,
          queues,
          perform,
          stopping: stopping.signal,
        })
          .catch((error: unknown) => {
            skipBadRow(error);
            return 'none' as const;
          })
          .finally(() => (state.activeThreads -= 1));
        if (performed === 'none') await bell.wait(POLL_MS);
        else state[performed] += 1;
      }
    } finally {
      await client.end().catch(() => undefined);
    }
  };
  const threads = schedulers.flatMap(({ queues, threads: count }, index) =>
    Array.from({ length: count }, () => thread(queues, states[index] as SchedulerState)),
  );
  const running = Promise.all([heartbeat, ...threads]).then(() => undefined);
  // Whoever stops the capsule need not have looked at it.
  running.catch(() => undefined);

  return {
    processId,
    running,
    async stop() {
      stopping.abort();
      await Promise.allSettled([heartbeat, ...threads]);
      await asTx(control)
        .query(sql`DELETE FROM ${tables.processes} WHERE id = ${processId}`)
        .catch(() => undefined);
      await control.end().catch(() => undefined);
    },
  };
}
