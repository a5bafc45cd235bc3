import type { Page } from 'playwright/test';
import { insertJobs } from '../test/harness/many-rows';
import { insertBatch, readRow } from '../test/harness/rows';
import { en } from './support/messages';
import { bulkBar as bar, openBulkDialog } from './support/row-actions';
import { useSite } from './support/site';
import { expect, test } from './support/test';

const site = useSite('bulk runs');

test.beforeEach(() => site.db.query('DELETE FROM good_jobs; DELETE FROM good_job_batches'));

const countOpen = (where = 'true') =>
  site.value<number>(`SELECT count(*)::int FROM good_jobs WHERE finished_at IS NULL AND ${where}`);
const dialogOf = (
  page: Page,
  action: 'retry' | 'discard' | 'destroy' | 'reschedule' | 'batch_retry',
) => page.getByRole('dialog', { name: en(`bulk.titles.${action}`) });
const outcome = (page: Page, name: string) => page.locator(`[data-outcome="${name}"]`);

test('pauses, resumes and cancels a run on its page', async ({ page }) => {
  await insertJobs(site.db, 3_000);
  // Slow enough to pause the run before it ends.
  await site.db.query(
    `CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql
        AS $$ BEGIN PERFORM pg_sleep(0.006); RETURN NEW; END $$;
      CREATE TRIGGER slow BEFORE UPDATE ON good_jobs FOR EACH ROW EXECUTE FUNCTION slow()`,
  );
  try {
    await site.open(page, '/jobs?state=discarded');
    await openBulkDialog(page, 'retry');
    await dialogOf(page, 'retry').locator('input[name="confirmed_count"]').fill('3000');
    await dialogOf(page, 'retry')
      .getByRole('button', { name: en('bulk.confirms.retry', { count: 3_000, number: '3,000' }) })
      .click();
    await bar(page)
      .getByRole('link', { name: en('bulk.open') })
      .click();
    await page.getByRole('button', { name: en('bulk.controls.pause') }).click();
    await expect(page.locator('main')).toContainText(en('bulk.pausedBy', { viewer: 'local' }));
    await page.getByRole('button', { name: en('bulk.controls.resume') }).click();
    await expect(page.getByRole('button', { name: en('bulk.controls.pause') })).toBeVisible();
    await page.getByRole('button', { name: en('bulk.controls.cancel') }).click();
    await expect(page.locator('main')).toContainText(en('bulk.states.cancelled'));
    expect(await countOpen()).toBeLessThan(3_000);
  } finally {
    await site.db.query('DROP TRIGGER slow ON good_jobs; DROP FUNCTION slow');
  }
});

test('retries a large batch by a run and shows it on the page of the batch', async ({ page }) => {
  const at = '2026-11-20T10:00:00Z';
  const batch = await insertBatch(site.db, {
    description: 'Large import',
    discarded_at: at,
    jobs_finished_at: at,
    finished_at: at,
  });
  await insertJobs(site.db, 600, { batch_id: `'${batch}'` });
  await site.open(page, `/batches/${batch}`);
  await page.getByRole('link', { name: en('actions.batch_retry.menu') }).click();
  await page
    .getByRole('dialog')
    .getByRole('button', { name: en('actions.batch_retry.confirm') })
    .click();
  const dialog = dialogOf(page, 'batch_retry');
  await expect(dialog).toContainText('Large import');
  await dialog
    .getByRole('button', { name: en('bulk.confirms.batch_retry', { count: 600, number: '600' }) })
    .click();
  await expect(outcome(page, 'done')).toContainText('600');
  expect(await readRow(site.db, 'good_job_batches', batch)).toMatchObject({
    discarded_at: null,
    finished_at: null,
  });
});

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false });

  test('retries a large batch and controls its run without JavaScript', async ({ page }) => {
    const at = '2026-11-20T10:00:00Z';
    const batch = await insertBatch(site.db, {
      discarded_at: at,
      jobs_finished_at: at,
      finished_at: at,
    });
    await insertJobs(site.db, 1_100, { batch_id: `'${batch}'` });
    await page.goto(site.url(`/batches/${batch}/retry`));
    await page.locator('input[name="confirmed_count"]').fill('１１００');
    await page.getByRole('button', { name: en('actions.batch_retry.confirm') }).click();
    await expect(page.getByRole('heading', { name: en('bulk.names.batch_retry') })).toBeVisible();
    await expect.poll(() => countOpen(`batch_id = '${batch}'`), { timeout: 30_000 }).toBe(1_100);
    const id = page.url().split('/').at(-1);
    await expect
      .poll(() =>
        site.value<string>(`SELECT state FROM good_job_console.bulk_runs WHERE id = '${id}'`),
      )
      .toBe('finished');
    // The state that a killed server leaves.
    await site.db.query(
      `UPDATE good_job_console.bulk_runs SET state = 'running', finished_at = NULL WHERE id = $1`,
      [id],
    );
    await page.reload();
    await expect(page.locator('main')).toContainText(en('bulk.interruptedHint'));
    await page.getByRole('button', { name: en('bulk.controls.resume') }).click();
    await expect(page.locator('main')).not.toContainText(en('bulk.interruptedHint'));
    await expect
      .poll(
        async () => {
          await page.reload();
          return page.locator('main').innerText();
        },
        { timeout: 30_000 },
      )
      .toContain(en('bulk.states.finished'));
    await page.goto(site.url('/bulk'));
    await expect(
      page.getByRole('link', { name: en('bulk.names.batch_retry') }).first(),
    ).toBeVisible();
  });
});
