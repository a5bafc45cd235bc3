import { insertJobs } from '../test/harness/many-rows';
import { insertBatch } from '../test/harness/rows';
import { startConsole } from './support/console-server';
import { en } from './support/messages';
import { waitForHydration, useSite } from './support/site';
import { expect, test } from './support/test';

const site = useSite('bulk killed');
const JOBS = 30_000;

test(
  'another server resumes a run of a killed server and retries every job exactly once',
  { tag: '@any-path' },
  async ({ page, basePath, problems }) => {
    test.setTimeout(120_000);
    // Resources that the page was still loading.
    problems.allow(/net::ERR_/);
    problems.allow(/ChunkLoadError/);
    // The killed server aborts the response to the action.
    problems.allow(/TypeError: network error/);
    const at = '2026-11-20T10:00:00Z';
    const batch = await insertBatch(site.db, {
      discarded_at: at,
      jobs_finished_at: at,
      finished_at: at,
    });
    await insertJobs(site.db, JOBS, { batch_id: `'${batch}'` });
    await site.open(page, `/batches/${batch}/retry`);
    await page.locator('input[name="confirmed_count"]').fill(String(JOBS));
    await page.getByRole('button', { name: en('actions.batch_retry.confirm') }).click();
    const countRetried = () =>
      site.value<number>('SELECT count(*)::int FROM good_jobs WHERE finished_at IS NULL');
    while ((await countRetried()) === 0);
    await site.server.kill();
    const before = await countRetried();
    expect(before).toBeLessThan(JOBS);
    const path = new URL(page.url()).pathname;
    const id =
      path.split('/').at(-1) === 'retry'
        ? await site.value<string>('SELECT id FROM good_job_console.bulk_runs')
        : (path.split('/').at(-1) ?? '');

    const second = await startConsole({ databaseUrl: site.databaseUrl, basePath });
    try {
      await page.goto(`${second.origin}${basePath}/bulk/${id}`);
      await waitForHydration(page);
      await expect(page.locator('main')).toContainText(en('bulk.states.finished'), {
        timeout: 60_000,
      });
      await expect(page.locator('[data-outcome="done"]')).toContainText(JOBS.toLocaleString('en'));
      const { rows } = await site.db.query(
        `SELECT (serialized_params ->> 'executions')::int AS executions, count(*)::int AS jobs
          FROM good_jobs
          GROUP BY 1`,
      );
      expect(rows).toEqual([{ executions: 1, jobs: JOBS }]);
      expect(
        await site.value('SELECT finished_at FROM good_job_batches WHERE id = $1', batch),
      ).toBeNull();
      await page.goto('about:blank');
    } finally {
      await second.stop();
    }
  },
);
