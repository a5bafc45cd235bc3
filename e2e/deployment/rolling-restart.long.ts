import { insertJobs } from '../../test/harness/many-rows';
import { callAction } from '../support/action-calls';
import { ensureBuild } from '../support/build';
import { builtActions } from '../support/built-endpoints';
import { type ConsoleServer, startConsole } from '../support/console-server';
import { useSite } from '../support/site';
import { expect, httpTest as test } from '../support/test';

const site = useSite('rolling restart');
const JOBS = 60_000;

test('a bulk run changes every job once across a rolling restart', async () => {
  ensureBuild();
  await insertJobs(site.db, JOBS);
  const start = () =>
    startConsole({ databaseUrl: site.databaseUrl, env: { SHUTDOWN_DELAY_SECONDS: '1' } });
  let servers: [ConsoleServer, ConsoleServer] = [site.server, await start()];
  try {
    const runId = await startRun(site.server);
    // Two rounds, so that a server that adopted the run is restarted too.
    for (const at of [5_000, 15_000, 30_000]) {
      await expect.poll(processed, { timeout: 300_000, intervals: [50] }).toBeGreaterThan(at);
      const [oldServer, remainingServer] = servers;
      const nextServer = await start();
      await oldServer.terminate();
      servers = [remainingServer, nextServer];
    }
    await expect
      .poll(() => site.value('SELECT state FROM good_job_console.bulk_runs WHERE id = $1', runId), {
        timeout: 600_000,
      })
      .toBe('finished');
  } finally {
    for (const server of servers) await server.stop();
  }
  const { rows } = await site.db.query(
    `SELECT (serialized_params ->> 'executions')::int AS executions, finished_at IS NULL AS open,
        count(*)::int AS jobs
      FROM good_jobs
      GROUP BY 1, 2`,
  );
  expect(rows).toEqual([{ executions: 1, open: true, jobs: JOBS }]);
  expect(await site.value('SELECT counts FROM good_job_console.bulk_runs')).toEqual({ done: JOBS });
  expect(
    await site.value(
      `SELECT count(*)::int FROM good_job_console.audit_events WHERE action = 'bulk.resume'`,
    ),
  ).toBe(0);
  expect(await site.value('SELECT count(*)::int FROM good_job_console.bulk_run_adoptions')).toBe(1);

  function processed(): Promise<number> {
    return site.value(
      `SELECT coalesce(sum(value::int), 0)::int
        FROM good_job_console.bulk_runs, jsonb_each_text(counts)`,
    );
  }
});

/** Retries all discarded jobs, as the dialog does. */
async function startRun(server: ConsoleServer): Promise<string> {
  const call = async (name: string, args: unknown[]) => {
    const action = builtActions().get(`lib/bulk/actions.ts#${name}`);
    if (!action) throw new Error(`No page uses ${name}.`);
    const headers = { Cookie: server.cookie, Origin: server.origin };
    return (await callAction(`${server.origin}/jobs`, action, { args }, headers)).text;
  };
  const request = {
    action: 'retry',
    target: { kind: 'filter', query: 'state=discarded', batchId: null },
  };
  const preview = await call('previewBulkAction', [request]);
  const readField = (name: string) => new RegExp(`"${name}":"([^"]+)"`).exec(preview)?.[1];
  const count = Number(/"total":\{"kind":"\w+","count":(\d+)/.exec(preview)?.[1]);
  const kind = /"total":\{"kind":"(\w+)"/.exec(preview)?.[1];
  const response = await call('startBulkAction', [
    {
      ...request,
      scheduledAt: null,
      cutOff: { at: readField('at'), txid: readField('txid') },
      expected: { kind, count },
      confirmedCount: count,
      reason: 'a rolling restart',
    },
  ]);
  const runId = /"runId":"([0-9a-f-]{36})"/.exec(response)?.[1];
  if (!runId) throw new Error(`The run was not started: ${preview} ${response}`);
  return runId;
}
