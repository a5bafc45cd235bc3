import { loadGjReal } from '../test/harness/good-job-database';
import { en, ja } from './support/messages';
import { useSite } from './support/site';
import { expect, test } from './support/test';

/*
 * 13,600 rows written by GoodJob 4.19.2, including markup, Japanese, crashes and all kinds of
 * batches.
 */
const site = useSite('gj real', { seed: (_db, url) => loadGjReal(url) });

test('opens every batch of the list with its jobs', async ({ page }) => {
  await site.open(page, '/batches');
  const batchIds = new Set<string>();
  for (;;) {
    for (const row of await page.locator('[data-batch]').all())
      batchIds.add((await row.getAttribute('data-batch')) ?? '');
    const olderLink = page.getByRole('link', { name: en('paging.older') });
    if ((await olderLink.count()) === 0) break;
    const url = page.url();
    await olderLink.click();
    await page.waitForURL((next) => next.href !== url);
    await expect(page.locator('[data-batch]').first()).toBeVisible();
  }
  const total = await site.value<number>('SELECT count(*)::int FROM good_job_batches');
  expect(batchIds.size).toBe(total);

  for (const id of [...batchIds].slice(0, 4)) {
    await site.open(page, `/batches/${id}?locale=ja`);
    const rowCount = await page
      .getByRole('region', { name: ja('batch.batchedJobs') })
      .locator('[data-job]')
      .count();
    const members = await site.value<number>(
      'SELECT count(*)::int FROM good_jobs WHERE batch_id = $1',
      id,
    );
    expect(rowCount).toBe(Math.min(members, 25));
    const expandButtons = page.getByRole('button', { name: ja('jobs.showRaw', { id: '' }).trim() });
    if ((await expandButtons.count()) > 0) {
      await expandButtons.first().click();
      await expect(page.getByRole('group', { name: ja('jobs.raw') })).toContainText('"_good_job"');
    }
  }
});

test('opens jobs of every state and error event', async ({ page }) => {
  const { rows } = await site.db.query<{ id: string; error: string | null }>(`
    SELECT DISTINCT ON (job_class, error_event, finished_at IS NULL) id, error
    FROM good_jobs
    ORDER BY job_class, error_event, finished_at IS NULL, executions_count DESC NULLS LAST
    LIMIT 16`);
  expect(rows.length).toBeGreaterThan(10);
  for (const { id, error } of rows) {
    const response = await page.goto(site.url(`/jobs/${id}`));
    expect(response?.status()).toBe(200);
    await expect(page.getByRole('heading', { name: en('job.executions') })).toBeVisible();
    // The page shows the class of the error and its message apart.
    for (const part of (error?.trim() ?? '').slice(0, 40).split(': '))
      await expect(page.locator('main')).toContainText(part);
    const attempts = await site.value<number>(
      'SELECT least(count(*), 100)::int FROM good_job_executions WHERE active_job_id = $1',
      id,
    );
    await expect(
      page.getByRole('heading', { name: new RegExp(`^${en('job.attempt', { number: '' })}`) }),
    ).toHaveCount(attempts);
  }
});
