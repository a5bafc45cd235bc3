import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { insertJob } from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import { listCronEntries } from './entries';

let testConsole: TestConsole;
beforeAll(async () => {
  vi.stubEnv('DATABASE_URL', 'postgres://localhost/none');
  testConsole = await TestConsole.open('cron_large_settings');
});
afterAll(() => testConsole.close());

test('looks up only the listed keys in a 10 MB list of disabled keys', async () => {
  const at = new Date().toISOString();
  await insertJob(testConsole.client, { cron_key: 'nightly', cron_at: at });
  await insertJob(testConsole.client, { cron_key: 'hourly', cron_at: at });
  await testConsole.client.query(
    `INSERT INTO good_job_settings (key, value, created_at, updated_at)
     SELECT 'cron_keys_disabled', jsonb_agg(md5(n::text)) || '["nightly"]', now(), now()
       FROM generate_series(1, 300000) n`,
  );
  const page = await listCronEntries(testConsole.ctx(), null);
  expect(page.rows.map(({ key, enabled }) => [key, enabled])).toEqual([
    ['hourly', true],
    ['nightly', false],
  ]);
  expect(page.more).toBe(true);
});

test('omits a cron key of 100 kB and reports more keys', async () => {
  await insertJob(testConsole.client, {
    cron_key: 'k'.repeat(100_000),
    cron_at: new Date().toISOString(),
  });
  const page = await listCronEntries(testConsole.ctx(), null);
  expect(page.more).toBe(true);
  expect(JSON.stringify(page).length).toBeLessThan(10_000);
});
