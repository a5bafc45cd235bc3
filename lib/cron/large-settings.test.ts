import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { insertJob } from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import { listCronEntries } from './entries';

let gj: TestConsole;
beforeAll(async () => {
  vi.stubEnv('DATABASE_URL', 'postgres://localhost/none');
  gj = await TestConsole.open('cron_large_settings');
});
afterAll(() => gj.close());

test('of a list of disabled keys of 10 MB only the keys that are listed are looked up', async () => {
  const at = new Date().toISOString();
  await insertJob(gj.client, { cron_key: 'nightly', cron_at: at });
  await insertJob(gj.client, { cron_key: 'hourly', cron_at: at });
  await gj.client.query(
    `INSERT INTO good_job_settings (key, value, created_at, updated_at)
     SELECT 'cron_keys_disabled', jsonb_agg(md5(n::text)) || '["nightly"]', now(), now()
       FROM generate_series(1, 300000) n`,
  );
  const page = await listCronEntries(gj.ctx(), null);
  expect(page.rows.map(({ key, enabled }) => [key, enabled])).toEqual([
    ['hourly', true],
    ['nightly', false],
  ]);
  expect(page.more).toBe(true);
});

test('a cron key of 100 kB is left out, and the page says that there are more', async () => {
  await insertJob(gj.client, { cron_key: 'k'.repeat(100_000), cron_at: new Date().toISOString() });
  const page = await listCronEntries(gj.ctx(), null);
  expect(page.more).toBe(true);
  expect(JSON.stringify(page).length).toBeLessThan(10_000);
});
