import { insertJobs } from '../test/harness/many-rows';
import { insertBatch } from '../test/harness/rows';
import { startConsole } from './support/console-server';
import { en } from './support/messages';
import { hydrated, useSite } from './support/site';
import { expect, test } from './support/test';

const site = useSite('bulk killed');
const JOBS = 30_000;

test(
  'the server is killed in the middle of a run; another one adopts it, and every job is retried exactly once',
  { tag: '@any-path' },
  async ({ page, basePath, problems }) => {
    test.setTimeout(120_000);
    // What the page was still loading.
    problems.allow(/net::ERR_/);
    problems.allow(/ChunkLoadError/);
    // The act's own answer, which the killed server cut.
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
    const done = () =>
      site.value<number>('SELECT count(*)::int FROM good_jobs WHERE finished_at IS NULL');
    while ((await done()) === 0);
    await site.server.kill();
    const before = await done();
    expect(before).toBeLessThan(JOBS);
    const path = new URL(page.url()).pathname;
    const id =
      path.split('/').at(-1) === 'retry'
        ? await site.value<string>('SELECT id FROM good_job_console.bulk_runs')
        : (path.split('/').at(-1) ?? '');

    const second = await startConsole({ databaseUrl: site.databaseUrl, basePath });
    try {
      await page.goto(`${second.origin}${basePath}/bulk/${id}`);
      await hydrated(page);
      await expect(page.locator('main')).toContainText(en('bulk.states.finished'), {
        timeout: 60_000,
      });
      await expect(page.locator('[data-outcome="done"]')).toContainText(JOBS.toLocaleString('en'));
      const { rows } = await site.db.query(
        `SELECT (serialized_params ->> 'executions')::int AS executions, count(*)::int AS jobs FROM good_jobs GROUP BY 1`,
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
