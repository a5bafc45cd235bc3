import { setTimeout as sleep } from 'node:timers/promises';
import { contextFor } from '../../lib/context/request-context';
import { openDatabase } from '../../lib/db/database';
import { GoodJobTables, detectSchema } from '../../lib/good-job/tables';
import { UNDOABLE_ACTIONS } from '../../lib/good-job/types';
import { changeJobs, undoChange } from '../../lib/jobs/mutations';
import { actWithoutLocks } from './sabotage';
import { CONSOLE, connect, listenForSignals, raceProcessOptions } from './stage';

/*
 * A simulated operator who discards, retries and reschedules random jobs and jobs that workers are
 * running, and undoes recent actions of any operator.
 */

export const ACTIONS = ['discard', 'retry', 'reschedule'] as const;
export type RaceAction = (typeof ACTIONS)[number];

/**
 * Queries for the jobs on which an action collides with a worker. Clients do not act on callback
 * jobs.
 */
const CONTENDED_JOBS: Record<RaceAction, string[]> = {
  discard: [
    // Next in the queue.
    `SELECT id
       FROM good_jobs
      WHERE finished_at IS NULL AND batch_callback_id IS NULL AND scheduled_at <= now()
      ORDER BY priority, created_at
      LIMIT 12`,
    // The other open job of a batch with a running job, so that both complete the batch at once.
    `SELECT o.id
       FROM good_jobs r
       JOIN good_jobs o ON o.batch_id = r.batch_id AND o.id <> r.id AND o.finished_at IS NULL
       JOIN good_job_batches b ON b.id = r.batch_id AND b.jobs_finished_at IS NULL
      WHERE r.performed_at IS NOT NULL AND r.finished_at IS NULL`,
  ],
  // Running.
  reschedule: [
    `SELECT id
       FROM good_jobs
      WHERE finished_at IS NULL AND batch_callback_id IS NULL
      ORDER BY performed_at DESC NULLS LAST
      LIMIT 12`,
  ],
  // Just discarded, possibly still locked.
  retry: [
    `SELECT id
       FROM good_jobs
      WHERE finished_at IS NOT NULL AND error IS NOT NULL AND batch_callback_id IS NULL
      ORDER BY finished_at DESC
      LIMIT 24`,
  ],
};
const MAX_IDS = 8;
/** Short pauses, so that the workers get their share of two cores. */
const PAUSE_MS = 10;

const { url, sabotage } = raceProcessOptions();
const race = listenForSignals();

const log = await connect(url, `${CONSOLE}_log`);
const db = openDatabase({ url, caFile: null, poolSize: 1, applicationName: CONSOLE });
const tables = new GoodJobTables(await db.read((tx) => detectSchema(tx, 'public')), {
  appName: 'race-app',
  locale: 'en',
  timeZone: 'UTC',
  dequeueQuerySort: 'created_at',
});
const ctx = contextFor({
  viewer: { id: 'racer', role: 'operator' },
  db,
  tables,
  consoleSchema: true,
  requestId: 'race',
  readOnly: false,
});
const sabotageClient = sabotage ? await connect(url, CONSOLE) : null;
const { rows: allJobs } = await log.query<{ id: string }>(
  'SELECT id FROM good_jobs WHERE batch_callback_id IS NULL',
);

/** Undoes one of the last actions, at the same time as other clients and the workers. */
async function undoRecent(): Promise<void> {
  const { rows } = await log.query<{ id: string; action: string; jobs: string[] }>(
    `SELECT id, replace(action, 'job.', '') AS action,
            ARRAY(SELECT u ->> 'id' FROM jsonb_array_elements(details -> 'undo') u) AS jobs
       FROM good_job_console.audit_events
      WHERE details ? 'undo'
      ORDER BY id DESC
      LIMIT 8`,
  );
  if (rows.length === 0) return;
  const { id: undoId, action: name, jobs } = pick(rows);
  const action = UNDOABLE_ACTIONS.find((undoable) => undoable === name);
  if (action) await record(`undo_${action}`, await undoChange(ctx, action, jobs, undoId));
}

async function record(action: string, outcomes: { id: string; outcome: string }[]): Promise<void> {
  await log.query(
    `INSERT INTO race_log.outcomes (job_id, action, outcome)
     SELECT id, $1, outcome FROM unnest($2::uuid[], $3::text[]) AS o (id, outcome)`,
    [action, outcomes.map(({ id }) => id), outcomes.map(({ outcome }) => outcome)],
  );
}

const pick = <T>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)] as T;

process.send?.('ready');
while (race.signal !== 'stop') {
  const action = pick(ACTIONS);
  const contended =
    Math.random() < 0.5 ? (await log.query<{ id: string }>(pick(CONTENDED_JOBS[action]))).rows : [];
  const jobs = contended.length > 0 ? contended : allJobs;
  const ids = [
    ...new Set(
      Array.from({ length: 1 + Math.floor(Math.random() * MAX_IDS) }, () => pick(jobs).id),
    ),
  ];
  const options =
    action === 'reschedule' && Math.random() < 0.5
      ? { scheduledAt: new Date(Date.now() + Math.random() * 500).toISOString() }
      : {};
  const outcomes = sabotageClient
    ? await actWithoutLocks(sabotageClient, action, ids)
    : await changeJobs(ctx, action, ids, options);
  await record(action, outcomes);
  if (!sabotageClient && Math.random() < 0.4) await undoRecent();
  await sleep(PAUSE_MS);
}
await Promise.all([db.close(), log.end(), sabotageClient?.end()]);
process.disconnect();
