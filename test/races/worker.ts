import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { insert } from './good-job-record';
import { performNext } from './good-job-worker';
import { WORKER, connect, listenForSignals, raceProcessOptions } from './stage';

/* A simulated GoodJob worker: a row in good_job_processes, a heartbeat, and two threads. */

const THREADS = 2;
const HEARTBEAT_MS = 1000;
const POLL_MS = 20;

const { url, strategy, number } = raceProcessOptions();
const processId = randomUUID();
const race = listenForSignals();

const control = await connect(url, WORKER);
const now = () => new Date().toISOString();
// Half of the workers prove that they are alive by an advisory lock, half by updated_at.
const lockType = number % 2 === 0 ? null : 0;
await insert(control, 'good_job_processes', {
  id: processId,
  created_at: now(),
  updated_at: now(),
  state: { hostname: 'race', pid: process.pid },
  lock_type: lockType,
});
if (lockType === 0)
  await control.query(
    `SELECT pg_advisory_lock(
              ('x' || substr(md5('good_job_processes-' || $1), 1, 16))::bit(64)::bigint)`,
    [processId],
  );
const heartbeat = setInterval(
  () =>
    void control.query('UPDATE good_job_processes SET updated_at = $2 WHERE id = $1', [
      processId,
      now(),
    ]),
  HEARTBEAT_MS,
);

async function thread(): Promise<void> {
  const client = await connect(url, WORKER);
  const log = await connect(url, `${WORKER}_log`);
  while (race.signal !== 'stop') {
    const hasPerformed = await performNext({
      client,
      log,
      processId,
      strategy,
      isDraining: () => race.signal === 'drain',
    });
    if (!hasPerformed) await sleep(POLL_MS);
  }
  await Promise.all([client.end(), log.end()]);
}

process.send?.('ready');
await Promise.all(Array.from({ length: THREADS }, thread));
clearInterval(heartbeat);
await control.query('DELETE FROM good_job_processes WHERE id = $1', [processId]);
await control.end();
process.disconnect();
