import type { Page } from 'playwright/test';
import { DISCARDED, SUCCEEDED, insertBatch, insertJob } from '../test/harness/rows';
import { chooseInterval } from './support/frame';
import { en, ja } from './support/messages';
import { visibleIds } from './support/paging';
import { useSite } from './support/site';
import { expect, test } from './support/test';

/*
 * The page shows the effect of the viewer's action at once, and outcomes never contradict each
 * other.
 */
const site = useSite('own actions');
test.beforeEach(() => site.db.query('DELETE FROM good_jobs'));

const badge = (page: Page, path: string) =>
  page
    .getByRole('navigation', { name: en('nav.label') })
    .locator(`a[href$="/${path}"]`)
    .first();
const tab = (page: Page, state: 'discarded' | 'queued' | 'all') =>
  page
    .getByRole('navigation', { name: en('jobs.tabs') })
    .getByRole('link', { name: en(`states.${state}`) });
const bar = (page: Page) => page.getByRole('region', { name: en('bulk.bar') });

const stopPolling = (page: Page) => chooseInterval(page, en('polling.offOption'));

async function actOnRow(page: Page, id: string, action: 'retry' | 'discard'): Promise<void> {
  await page.getByRole('button', { name: en('jobs.menu', { id }) }).click();
  await page.getByRole('menuitem', { name: en(`actions.${action}.menu`), exact: true }).click();
  await page
    .getByRole('dialog')
    .getByRole('button', { name: en(`actions.${action}.confirm`), exact: true })
    .click();
}

/** Retries all rows of the page. */
async function retryAll(page: Page, count: number, translate = en): Promise<void> {
  await page.getByRole('checkbox', { name: translate('jobs.selectAll') }).check();
  await page
    .getByRole('region', { name: translate('bulk.bar') })
    .getByRole('button', { name: translate('actions.retry.menu') })
    .click();
  const number = translate('bulk.exact', { number: String(count) });
  await page
    .getByRole('dialog')
    .getByRole('button', { name: translate('bulk.confirms.retry', { count, number }) })
    .click();
}

test('updates tabs, counts and rows after an action without polling', async ({ page }) => {
  const first = await insertJob(site.db, DISCARDED);
  const second = await insertJob(site.db, DISCARDED);
  const third = await insertJob(site.db, DISCARDED);
  await site.open(page, '/jobs?state=discarded');
  await stopPolling(page);
  await expect(tab(page, 'discarded')).toContainText('3');
  await actOnRow(page, first, 'retry');
  await expect.poll(() => visibleIds(page, 'job')).not.toContain(first);
  await expect(tab(page, 'discarded')).toContainText('2');
  await expect(tab(page, 'queued')).toContainText('1');
  await expect(page.locator('main')).toContainText(
    en('counts.jobs.exact', { count: 2, number: '2' }),
  );
  await actOnRow(page, second, 'retry');
  await expect(tab(page, 'discarded')).toContainText('1');
  await expect(tab(page, 'queued')).toContainText('2');
  expect(await visibleIds(page, 'job')).toEqual([third]);
});

test('a pause updates the badge of the queues without polling', async ({ page }) => {
  await site.open(page, '/pauses');
  await stopPolling(page);
  await page.getByRole('combobox', { name: en('pauses.name') }).fill('mailers');
  await page.getByRole('button', { name: en('pauses.pause.menu'), exact: true }).click();
  await page
    .getByRole('dialog')
    .getByRole('button', { name: en('pauses.pause.confirm'), exact: true })
    .click();
  await expect(badge(page, 'queues')).toContainText('1');
});

test('polling updates the counts of the navigation', async ({ page }) => {
  const openBatch = { enqueued_at: new Date().toISOString() };
  await insertBatch(site.db, openBatch);
  await site.open(page, '/batches');
  await expect(badge(page, 'batches')).toContainText('1', { timeout: 30_000 });
  for (let n = 0; n < 4; n += 1) await insertBatch(site.db, openBatch);
  await expect(badge(page, 'batches')).toContainText('5', { timeout: 30_000 });
});

test('a list emptied by a bulk retry has no buttons and a dismissible outcome', async ({
  page,
}) => {
  for (let n = 0; n < 3; n += 1) await insertJob(site.db, DISCARDED);
  for (const [locale, translate] of [
    ['en', en],
    ['ja', ja],
  ] as const) {
    if (locale === 'ja') {
      await site.db.query(
        `UPDATE good_jobs
          SET finished_at = now(), performed_at = now(), updated_at = now() - interval '1 s'`,
      );
      await site.open(page, `/jobs?state=discarded&q=class:TestJob&locale=ja`);
      await retryAll(page, 3, ja);
    } else {
      await site.open(page, `/jobs?state=discarded&q=class:TestJob&locale=en`);
      await retryAll(page, 3);
    }
    const main = page.locator('main');
    await expect(main).toContainText(translate('jobs.emptied.retry'));
    await expect(main).not.toContainText(translate('jobs.emptyQueryHint'));
    await expect(page.getByRole('button', { name: translate('actions.retry.menu') })).toHaveCount(
      0,
    );
    await expect(main.locator('[data-outcome="done"]')).toContainText('3');
    await page.getByRole('button', { name: translate('common.dismiss') }).click();
    await expect(main.locator('[data-outcome="done"]')).toHaveCount(0);
  }
});

test('deselects a row that is no longer in the list', async ({ page }) => {
  const first = await insertJob(site.db, DISCARDED);
  const second = await insertJob(site.db, DISCARDED);
  await site.open(page, '/jobs?state=discarded');
  for (const id of [first, second])
    await page.getByRole('checkbox', { name: en('jobs.select', { id }) }).click();
  await expect(bar(page)).toContainText(en('jobs.selected', { count: 2, number: '2' }));
  await actOnRow(page, first, 'retry');
  await expect(bar(page)).toContainText(en('jobs.selected', { count: 1, number: '1' }));
  expect(await visibleIds(page, 'job')).toEqual([second]);
});

test('a new outcome replaces an outdated one and can be dismissed', async ({ page }) => {
  const first = await insertJob(site.db, DISCARDED);
  const second = await insertJob(site.db, DISCARDED);
  const toasts = page.locator('[data-toast]');
  await site.open(page, '/jobs?did=destroy&outcome=done');
  await expect(page.locator('main')).toContainText(en('outcomes.done.destroy'));
  await actOnRow(page, first, 'retry');
  await expect(toasts).toContainText(en('outcomes.done.retry'));
  await expect(page.locator('main')).not.toContainText(en('outcomes.done.destroy'));
  expect(new URL(page.url()).search).toBe('');
  // The toast of the same job is replaced, that of another job stays.
  await actOnRow(page, first, 'discard');
  await expect(toasts).toHaveCount(1);
  await expect(toasts).toContainText(en('outcomes.done.discard'));
  await retryAll(page, 2);
  await expect(page.locator('[data-outcome="done"]')).toContainText('2');
  await expect(bar(page)).toContainText(en('bulk.states.finished'));
  await actOnRow(page, second, 'discard');
  await expect(page.locator('[data-outcome="done"]')).toHaveCount(0);
  await expect(toasts.last()).toContainText(en('outcomes.done.discard'));
  const ofSecond = toasts.filter({ has: page.locator(`a[href$="/jobs/${second}"]`) });
  await ofSecond.getByRole('button', { name: en('common.dismiss') }).click();
  await expect(ofSecond).toHaveCount(0);
});

test('the bulk preview separates jobs to delete from skipped ones', async ({ page }) => {
  for (const shape of [SUCCEEDED, SUCCEEDED, DISCARDED, {}, {}, {}])
    await insertJob(site.db, shape);
  await site.open(page, '/jobs');
  await page.getByRole('checkbox', { name: en('jobs.selectAll') }).check();
  await bar(page)
    .getByRole('button', { name: en('actions.destroy.menu') })
    .click();
  const dialog = page.getByRole('dialog');
  await expect(dialog.getByRole('list', { name: en('bulk.affected') })).toHaveText(
    `${en('states.succeeded')} 2${en('states.discarded')} 1`,
  );
  await expect(dialog.getByRole('list', { name: en('bulk.otherStates') })).toHaveText(
    `${en('states.queued')} 3`,
  );
});

test('an empty job list has no bulk buttons', async ({ page }) => {
  await site.open(page, '/jobs?state=discarded');
  await expect(page.locator('main')).toContainText(en('jobs.emptyState'));
  await page.waitForLoadState('networkidle');
  await expect(page.getByRole('button', { name: en('actions.retry.menu') })).toHaveCount(0);
  await expect(page.locator('main')).not.toContainText('?');
});
