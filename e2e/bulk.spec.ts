import type { Page } from 'playwright/test';
import { insertJobs } from '../test/harness/many-rows';
import { DISCARDED, insertJob, readRow } from '../test/harness/rows';
import { findAxeViolations } from './support/axe';
import { en, ja } from './support/messages';
import { bulkBar as bar, openBulkDialog, rowOf, selectEverything } from './support/row-actions';
import { useSite } from './support/site';
import { expect, test } from './support/test';
import { lockJob } from './support/worker';

const site = useSite('bulk');

test.beforeEach(() => site.db.query('DELETE FROM good_jobs; DELETE FROM good_job_batches'));

const countOpen = (where = 'true') =>
  site.value<number>(`SELECT count(*)::int FROM good_jobs WHERE finished_at IS NULL AND ${where}`);
const dialogOf = (
  page: Page,
  action: 'retry' | 'discard' | 'destroy' | 'reschedule' | 'batch_retry',
) => page.getByRole('dialog', { name: en(`bulk.titles.${action}`) });
const outcome = (page: Page, name: string) => page.locator(`[data-outcome="${name}"]`);

test('retries all matching jobs with preview, confirmation, progress and a linked result', async ({
  page,
}) => {
  await insertJobs(site.db, 1_200);
  const malformedJob = await insertJob(site.db, { ...DISCARDED, serialized_params: '[]' });
  const lockedJob = await insertJob(site.db, DISCARDED);
  const jobOfOtherQueue = await insertJob(site.db, { ...DISCARDED, queue_name: 'other' });
  const unlock = await lockJob(site, lockedJob);
  await site.open(page, '/jobs?state=discarded&queue_name=default');
  await openBulkDialog(page, 'retry');
  const dialog = dialogOf(page, 'retry');
  await expect(dialog).toContainText(en('bulk.affectedJobs', { count: 1_202, number: '1,202' }));
  await expect(dialog).toContainText(en('bulk.skips.unreadable', { count: 1, number: '1' }));
  await expect(dialog).toContainText(`${en('search.fields.queue')} default`);
  await expect(dialog).toContainText(en('bulk.effects.retry'));
  // A job that fails after the preview is not part of the run.
  const laterJob = await insertJob(site.db, DISCARDED);
  const confirm = dialog.getByRole('button', {
    name: en('bulk.confirms.retry', { count: 1_202, number: '1,202' }),
  });
  await dialog.locator('input[name="confirmed_count"]').fill('1,000');
  await confirm.click();
  await expect(dialog.getByRole('alert')).toHaveText(en('bulk.wrongNumber'));
  expect(await countOpen()).toBe(0);
  await dialog.locator('input[name="confirmed_count"]').fill('1,202');
  await confirm.click();
  await expect(dialog).toHaveCount(0);
  await expect(bar(page)).toContainText(en('bulk.states.finished'), { timeout: 20_000 });
  await expect(outcome(page, 'done')).toContainText('1,200');
  await bar(page)
    .getByRole('link', { name: en('bulk.open') })
    .click();
  await expect(page.getByRole('heading', { name: en('bulk.names.retry') })).toBeVisible();
  await unlock();
  await expect(
    page.locator('[data-samples="locked"]').getByRole('link', { name: lockedJob }),
  ).toBeVisible();
  await expect(page.locator('[data-samples="refused"]')).toContainText(
    en('outcomes.refused.params_not_an_object'),
  );
  await expect(page.getByRole('link', { name: en('bulk.showThem') })).toHaveAttribute(
    'href',
    /state=discarded&queue_name=default/,
  );
  expect(await countOpen()).toBe(1_200);
  for (const id of [laterJob, jobOfOtherQueue, malformedJob, lockedJob])
    expect((await readRow(site.db, 'good_jobs', id)).finished_at, id).not.toBeNull();
  await page
    .getByRole('link', { name: en('bulk.title'), exact: true })
    .first()
    .click();
  await expect(
    page
      .getByRole('list', { name: en('bulk.title') })
      .getByRole('listitem')
      .first(),
  ).toContainText(en('bulk.names.retry'));
});

test('discards only the selected rows', async ({ page }) => {
  const first = await insertJob(site.db);
  const second = await insertJob(site.db);
  const third = await insertJob(site.db);
  await site.open(page, '/jobs');
  // The scope applies to one selection; the next one starts with only its own rows.
  await rowOf(page, second).getByRole('checkbox').check();
  await bar(page)
    .getByRole('button', { name: en('bulk.selectAllJobsOf', { number: '3' }) })
    .click();
  await expect(bar(page)).toContainText(en('bulk.allSelected'));
  await rowOf(page, second).getByRole('checkbox').uncheck();
  for (const id of [first, third]) await rowOf(page, id).getByRole('checkbox').check();
  await expect(bar(page)).toContainText(en('jobs.selected', { count: 2, number: '2' }));
  await bar(page)
    .getByRole('button', { name: en('actions.discard.menu') })
    .click();
  const dialog = dialogOf(page, 'discard');
  await expect(dialog).toContainText(en('bulk.selectedJobs', { count: 2, number: '2' }));
  await dialog
    .getByRole('button', { name: en('bulk.confirms.discard', { count: 2, number: '2' }) })
    .click();
  await expect(outcome(page, 'done')).toContainText('2');
  for (const [id, done] of [
    [first, true],
    [second, false],
    [third, true],
  ] as const)
    expect((await readRow(site.db, 'good_jobs', id)).finished_at !== null).toBe(done);
});

test(
  'reschedules all matching jobs by keyboard and restores the focus',
  { tag: '@any-path' },
  async ({ page }) => {
    await insertJobs(site.db, 3, {
      performed_at: 'NULL',
      finished_at: 'NULL',
      error: 'NULL',
      error_event: 'NULL',
    });
    await site.open(page, '/jobs?state=queued');
    await selectEverything(page);
    const button = bar(page).getByRole('button', { name: en('actions.reschedule.menu') });
    await button.focus();
    await page.keyboard.press('Enter');
    const dialog = dialogOf(page, 'reschedule');
    await expect(dialog.getByRole('button', { name: en('actions.cancel') })).toBeFocused();
    await page.keyboard.press('Escape');
    await expect(button).toBeFocused();
    await page.keyboard.press('Enter');
    await dialog.getByLabel(en('actions.reschedule.at'), { exact: true }).check();
    await dialog
      .getByLabel(en('actions.reschedule.time', { zone: 'UTC' }))
      .fill('2031-05-06T07:08');
    await dialog
      .getByRole('button', { name: en('bulk.confirms.reschedule', { count: 3, number: '3' }) })
      .click();
    await expect(outcome(page, 'done')).toContainText('3');
    expect(
      await site.value<number>(
        `SELECT count(*)::int FROM good_jobs WHERE scheduled_at = '2031-05-06 07:08'`,
      ),
    ).toBe(3);
  },
);

test('offers no action that the state of the jobs forbids, and none for an invalid filter', async ({
  page,
}) => {
  await insertJob(site.db);
  await insertJob(site.db, DISCARDED);
  await site.open(page, '/jobs?state=queued');
  await expect(bar(page)).toHaveCount(0);
  await selectEverything(page);
  for (const [action, count] of [
    ['retry', 0],
    ['reschedule', 1],
    ['discard', 1],
    ['destroy', 0],
  ] as const)
    await expect(
      bar(page).getByRole('button', { name: en(`actions.${action}.menu`) }),
      action,
    ).toHaveCount(count);
  await site.open(page, '/jobs?state=discarded');
  await selectEverything(page);
  await expect(bar(page).getByRole('button', { name: en('actions.retry.menu') })).toBeVisible();
  await expect(bar(page).getByRole('button', { name: en('actions.discard.menu') })).toHaveCount(0);
  await site.open(page, '/jobs?state=queued&q=nonsense:1');
  await expect(page.getByRole('checkbox')).toHaveCount(0);
});

test('disables the confirmation when no job that matches is left', async ({ page }) => {
  const id = await insertJob(site.db);
  await page.addInitScript(() => localStorage.setItem('gjc_live', 'off'));
  await site.open(page, '/jobs?state=queued');
  await selectEverything(page);
  await site.db.query('UPDATE good_jobs SET finished_at = now() WHERE id = $1', [id]);
  await bar(page)
    .getByRole('button', { name: en('actions.discard.menu') })
    .click();
  await expect(dialogOf(page, 'discard')).toContainText(en('bulk.nothing.discard'));
  await expect(
    dialogOf(page, 'discard').getByRole('button', {
      name: en('bulk.confirms.discard', { count: 0, number: '0' }),
    }),
  ).toBeDisabled();
});

test(
  'bulk dialogs and pages pass axe and fit a phone in both languages',
  { tag: '@any-path' },
  async ({ page }) => {
    test.slow();
    await page.setViewportSize({ width: 390, height: 800 });
    for (const [locale, t] of [
      ['en', en],
      ['ja', ja],
    ] as const) {
      await insertJobs(site.db, 1_100);
      await site.open(page, `/jobs?state=discarded&locale=${locale}`);
      await openBulkDialog(page, 'retry', t);
      await expect(page.getByRole('dialog').locator('input[name="confirmed_count"]')).toBeVisible();
      expect(await findAxeViolations(page)).toEqual([]);
      await page.getByRole('dialog').locator('input[name="confirmed_count"]').fill('1100');
      await page.getByRole('dialog').locator('button[type="submit"]').click();
      await expect.poll(() => countOpen()).toBe(1_100 * (locale === 'en' ? 1 : 2));
      const runId = await site.value<string>(
        'SELECT id FROM good_job_console.bulk_runs ORDER BY created_at LIMIT 1',
      );
      for (const path of ['/bulk', `/bulk/${runId}`]) {
        await site.open(page, `${path}?locale=${locale}`);
        expect(await findAxeViolations(page), path).toEqual([]);
        expect(
          await page.evaluate(() => document.documentElement.scrollWidth),
          path,
        ).toBeLessThanOrEqual(390);
      }
    }
  },
);
