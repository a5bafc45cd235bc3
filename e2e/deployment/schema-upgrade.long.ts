import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { MIGRATIONS } from '../../lib/console-schema/setup';
import { DISCARDED, insertJob } from '../../test/harness/rows';
import { callAction } from '../support/action-calls';
import { builtActions } from '../support/built-endpoints';
import { useSite } from '../support/site';
import { expect, httpTest as test } from '../support/test';

const RECORDS = 2_500_000;
const site = useSite('schema upgrade', { consoleSchema: false });

test('npm run setup migrates 2,500,000 audit records while actions report the lock', async () => {
  await site.db.query(`CREATE SCHEMA good_job_console;
    CREATE TABLE good_job_console.schema_migrations (
      version integer PRIMARY KEY,
      name text NOT NULL,
      applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
    )`);
  const oldMigrations = MIGRATIONS.filter(({ version }) => version < 5);
  for (const { version, name, statements } of oldMigrations) {
    await site.db.query(statements);
    await site.db.query(
      'INSERT INTO good_job_console.schema_migrations (version, name) VALUES ($1, $2)',
      [version, name],
    );
  }
  await site.db.query(
    `INSERT INTO good_job_console.audit_events
       (created_at, viewer, role, request_id, action, target_type, target_ids, counts, details)
     SELECT now() - n * interval '10 seconds', 'viewer' || n % 500, 'operator', md5(n::text),
       'job.retry', 'job', ARRAY[md5(n::text)::uuid], '{"done": 1}', '{"attempt": 1}'
     FROM generate_series(1, ${RECORDS}) n`,
  );
  await site.db.query('VACUUM ANALYZE good_job_console.audit_events');
  const job = await insertJob(site.db, DISCARDED);

  const child = spawn('npm', ['run', 'setup'], {
    env: { ...process.env, DATABASE_URL: site.databaseUrl },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => {
      text += chunk.toString();
    });
  const exit = once(child, 'exit');
  await expect
    .poll(
      () =>
        site.value(
          `SELECT count(*)::int
            FROM pg_locks
            WHERE relation = 'good_job_console.audit_events'::regclass
              AND mode = 'AccessExclusiveLock'
              AND granted`,
        ),
      { timeout: 60_000, intervals: [20] },
    )
    .toBe(1);
  const action = builtActions().get('lib/jobs/actions.ts#changeJob');
  if (!action) throw new Error('No page changes jobs.');
  const headers = { Cookie: site.server.cookie, Origin: site.server.origin };
  const args = [{ action: 'retry', id: job, scheduledAt: null }];
  const { text: response } = await callAction(site.url('/jobs'), action, { args }, headers);
  // Without a usable schema the server runs the action and logs its record.
  expect(response).toMatch(/"console_locked"|"outcome":"done"/);

  expect(await exit, text).toEqual([0, null]);
  expect(text).toContain(`is at version ${Math.max(...MIGRATIONS.map(({ version }) => version))}`);
  expect(
    await site.value(
      'SELECT count(*)::int FROM good_job_console.audit_events WHERE outcome = $1',
      'done',
    ),
  ).toBeGreaterThanOrEqual(RECORDS);
});
