import type { Page } from 'playwright/test';
import { insertJobs } from '../test/harness/many-rows';
import { DISCARDED, insertExecution, insertJob } from '../test/harness/rows';
import { en } from './support/messages';
import { jobPageLink } from './support/row-actions';
import { bulkBar, openBulkDialog } from './support/row-actions';
import { useSite } from './support/site';
import { expect, test } from './support/test';

const site = useSite('pages polling', { env: { GOOD_JOB_APP_NAME: '' } });
const minutesAgo = (n: number) => new Date(Date.now() - n * 60_000).toISOString();
const liveMark = (page: Page) => page.locator('[data-polling]');

test.beforeEach(() =>
  site.db.query(
    'DELETE FROM good_jobs; DELETE FROM good_job_executions; DELETE FROM good_job_batches',
  ),
);

test.describe('polling', () => {
  test('polling updates the page of a job', async ({ page }) => {
    await page.clock.install();
    const id = await insertJob(site.db);
    await site.open(page, `/jobs/${id}`);
    await expect(liveMark(page)).toHaveAttribute('data-polling', 'on');
    await site.db.query('UPDATE good_jobs SET finished_at = now() WHERE id = $1', [id]);
    await insertExecution(site.db, id, { finished_at: minutesAgo(0) });
    await page.clock.runFor(6_000);
    await expect(page.locator('[data-state]')).toHaveText(en('states.succeeded'));
    await expect(page.getByRole('region', { name: en('job.executions') })).toContainText(
      en('executionStates.succeeded'),
    );
  });

  test('polling reports the deletion of a job on its page', async ({ page, problems }) => {
    problems.allowStatus(404);
    await page.clock.install();
    const id = await insertJob(site.db);
    await site.open(page, `/jobs/${id}`);
    await site.db.query('DELETE FROM good_jobs WHERE id = $1', [id]);
    await page.clock.runFor(6_000);
    await expect(page.getByRole('heading', { name: en('notFound.title') })).toBeVisible();
  });

  test('polling updates the list of bulk runs', async ({ page }) => {
    await page.clock.install();
    await insertJobs(site.db, 2);
    await site.open(page, '/bulk');
    await expect(liveMark(page)).toHaveAttribute('data-polling', 'on');
    const otherPage = await page.context().newPage();
    await site.open(otherPage, '/jobs?state=discarded');
    await openBulkDialog(otherPage, 'retry');
    await otherPage
      .getByRole('button', { name: en('bulk.confirms.retry', { count: 2, number: '2' }) })
      .click();
    await expect(bulkBar(otherPage)).toContainText(en('bulk.states.finished'));
    await page.clock.runFor(6_000);
    await expect(page.locator('[data-run]')).toContainText(en('bulk.states.finished'));
  });

  test('has no polling indicator on pages that do not poll', async ({ page }) => {
    await insertJob(site.db, DISCARDED);
    for (const path of ['/performance', '/cleaner']) {
      await site.open(page, path);
      await expect(liveMark(page), path).toHaveCount(0);
    }
    await site.open(page, '/jobs');
    await expect(liveMark(page)).toBeVisible();
  });

  test('shows that a selection or a dialog pauses polling', async ({ page }) => {
    const id = await insertJob(site.db);
    await site.open(page, '/jobs');
    await expect(liveMark(page)).toHaveAttribute('data-polling', 'on');
    await expect(liveMark(page)).not.toContainText(en('polling.paused'));
    await page.getByRole('checkbox', { name: en('jobs.select', { id }) }).check();
    await expect(liveMark(page)).toHaveAttribute('data-polling', 'paused');
    await expect(liveMark(page)).toContainText(en('polling.paused'));
    await page.getByRole('checkbox', { name: en('jobs.select', { id }) }).uncheck();
    await expect(liveMark(page)).toHaveAttribute('data-polling', 'on');
    await site.open(page, `/jobs/${id}`);
    await (await jobPageLink(page, 'discard')).click();
    await expect(liveMark(page)).toHaveAttribute('data-polling', 'paused');
    await page.keyboard.press('Escape');
    await expect(liveMark(page)).toHaveAttribute('data-polling', 'on');
  });
});
