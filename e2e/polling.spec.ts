import type { Page, Request } from 'playwright/test';
import { insertJob } from '../test/harness/rows';
import { findAxeViolations } from './support/axe';
import { chooseInterval, intervalSelect } from './support/frame';
import { en } from './support/messages';
import { visibleIds } from './support/paging';
import { startSite, useSite } from './support/site';
import { expect, test } from './support/test';

const site = useSite('polling', {
  async seed(db) {
    for (let n = 0; n < 40; n += 1)
      await insertJob(db, { created_at: new Date(Date.UTC(2026, 0, 1, 0, n)).toISOString() });
  },
});
test.beforeEach(() => site.db.query(`DELETE FROM good_jobs WHERE created_at > '2026-01-02'`));

const newRowsButton = (page: Page, number: string) =>
  page.getByRole('button', { name: en('polling.newRows', { number }) });

/** Waits until the page has sent its earlier requests, by sending one more and awaiting it. */
const waitForEarlierRequests = (page: Page) =>
  page.evaluate((url) => fetch(url).then((response) => response.text()), site.url('/healthz'));

/** Returns a function that advances the clock of the page and returns the URLs it polled. */
async function trackPolls(page: Page): Promise<(ms: number) => Promise<string[]>> {
  let polls: Request[] = [];
  page.on(
    'request',
    (request) => /\/api\/(?!jobs\/completion)/.test(request.url()) && polls.push(request),
  );
  return async (ms) => {
    polls = [];
    await page.clock.runFor(ms);
    await waitForEarlierRequests(page);
    await Promise.all(polls.map((request) => request.response()));
    return polls.map((request) => request.url());
  };
}

test('announces new rows and shows them on request', { tag: '@any-path' }, async ({ page }) => {
  await page.clock.install();
  await site.open(page, '/jobs');
  const before = await visibleIds(page, 'job');
  const added = [await insertJob(site.db), await insertJob(site.db)];
  const [changed = ''] = before;
  await site.db.query(
    'UPDATE good_jobs SET finished_at = now(), performed_at = now() WHERE id = $1',
    [changed],
  );
  await page.clock.runFor(6_000);
  await expect(newRowsButton(page, '2')).toBeVisible();
  expect(await visibleIds(page, 'job'), 'no row has moved').toEqual(before);
  await expect(
    page.locator(`[data-job="${changed}"]`),
    'the displayed row is updated',
  ).toContainText(en('states.succeeded'));
  expect(await findAxeViolations(page)).toEqual([]);
  await newRowsButton(page, '2').click();
  expect((await visibleIds(page, 'job')).slice(0, 2).sort()).toEqual(added.sort());
  await expect(newRowsButton(page, '2')).toHaveCount(0);
});

test(
  'keeps and marks a row that is no longer in the list',
  { tag: '@any-path' },
  async ({ page }) => {
    await page.clock.install();
    await site.open(page, '/jobs?state=queued');
    const before = await visibleIds(page, 'job');
    const [removed = ''] = before;
    await site.db.query('UPDATE good_jobs SET performed_at = now() WHERE id = $1', [removed]);
    await page.clock.runFor(6_000);
    await expect(page.locator(`[data-job="${removed}"]`)).toContainText(en('polling.rowRemoved'));
    expect(await visibleIds(page, 'job')).toEqual(before);
    await site.db.query('UPDATE good_jobs SET performed_at = NULL WHERE id = $1', [removed]);
    await page.clock.runFor(6_000);
    await expect(page.locator(`[data-job="${removed}"]`)).not.toContainText(
      en('polling.rowRemoved'),
    );
  },
);

test('a poll is one request that includes counts and chart', async ({ page }) => {
  await page.clock.install();
  await site.open(page, '/jobs');
  await expect(page.getByRole('combobox', { name: en('chart.range'), exact: true })).toBeVisible();
  const pollsIn = await trackPolls(page);
  await expect.poll(async () => (await pollsIn(5_500)).length).toBe(1);
  const parts = new Set<string>();
  for (let n = 0; n < 5; n += 1)
    for (const url of await pollsIn(5_000))
      new URL(url).searchParams
        .get('include')
        ?.split(',')
        .forEach((part) => parts.add(part));
  expect(parts).toEqual(new Set(['counts', 'chart']));
});

test('remembers the polling interval of the viewer', async ({ page }) => {
  await page.clock.install();
  await site.open(page, '/jobs');
  await expect(intervalSelect(page)).toHaveValue('5');
  await chooseInterval(page, en('polling.seconds', { seconds: 30 }));
  const pollsIn = await trackPolls(page);
  expect(await pollsIn(20_000)).toEqual([]);
  await expect.poll(async () => (await pollsIn(15_000)).length).toBeGreaterThan(0);
  await site.open(page, '/batches');
  await expect(intervalSelect(page)).toHaveValue('30');
  await chooseInterval(page, en('polling.offOption'));
  await site.open(page, '/jobs');
  await expect(intervalSelect(page)).toHaveValue('0');
  await expect(page.getByRole('combobox', { name: en('chart.range'), exact: true })).toBeVisible();
  await waitForEarlierRequests(page);
  expect(await pollsIn(60_000)).toEqual([]);
});

test(
  'pauses polling during a selection, an open menu or panel, scrolling, and in a hidden tab',
  { tag: '@any-path' },
  async ({ page }) => {
    await page.clock.install();
    await site.open(page, '/jobs');
    const pollsIn = await trackPolls(page);
    await expect.poll(async () => (await pollsIn(6_000)).length).toBeGreaterThan(0);
    const expectPaused = async (what: string) => expect(await pollsIn(30_000), what).toEqual([]);
    const expectResumed = () =>
      expect.poll(async () => (await pollsIn(6_000)).length).toBeGreaterThan(0);

    const box = page.locator('[data-job] input').first();
    await box.click();
    await expectPaused('selected rows');
    await box.click();
    await expectResumed();

    await page.locator('[data-job] [aria-haspopup="menu"]').first().click();
    await expect(page.getByRole('menu')).toBeVisible();
    await expectPaused('menu');
    await page.keyboard.press('Escape');
    await expectResumed();

    await page.getByRole('button', { name: en('columnMenu.label') }).click();
    await expect(page.getByLabel(en('columnMenu.path'))).toBeVisible();
    await expect(page.locator('[data-polling]')).toHaveAttribute('data-polling', 'paused');
    await expectPaused('panel');
    await page.keyboard.press('Escape');
    await expectResumed();

    await page.getByRole('combobox', { name: en('search.label') }).fill('class:');
    await expectPaused('an unfinished search');
    await page.getByRole('combobox', { name: en('search.label') }).fill('');
    await page.keyboard.press('Escape');
    await expectResumed();

    await page.evaluate(() => {
      Object.defineProperty(document, 'hidden', { configurable: true, get: () => true });
      Object.defineProperty(document, 'visibilityState', {
        configurable: true,
        get: () => 'hidden',
      });
      document.dispatchEvent(new Event('visibilitychange'));
    });
    await expectPaused('hidden tab');
    await page.evaluate(() => {
      Reflect.deleteProperty(document, 'hidden');
      Reflect.deleteProperty(document, 'visibilityState');
      document.dispatchEvent(new Event('visibilitychange'));
    });
    await expectResumed();

    let pollCount = 0;
    for (let n = 0; n < 20; n += 1) {
      await page.mouse.wheel(0, n % 2 ? -40 : 40);
      pollCount += (await pollsIn(500)).length;
    }
    expect(pollCount, 'scrolling').toBe(0);
  },
);

test(
  'polls more slowly after failures and keeps the rows with their time',
  { tag: '@any-path' },
  async ({ page, problems }) => {
    problems.allow(/Failed to load resource/);
    problems.allowStatus(500);
    await page.clock.install();
    await site.open(page, '/jobs');
    const before = await visibleIds(page, 'job');
    await page.route('**/api/jobs?*', (route) =>
      route.fulfill({ status: 500, json: { error: 'unexpected' } }),
    );
    const pollsIn = await trackPolls(page);
    await pollsIn(60_000);
    await expect(page.getByText(/Last updated/)).toBeVisible();
    expect(await visibleIds(page, 'job')).toEqual(before);
    expect((await pollsIn(60_000)).length, 'of twelve at the usual interval').toBeLessThanOrEqual(
      4,
    );
  },
);

test(
  'offers no polling interval below the minimum of the server',
  { tag: '@any-path' },
  async ({ page, basePath }) => {
    const slow = await startSite('live floor', basePath, { env: { LIVE_FLOOR_SECONDS: '10' } });
    await slow.open(page, '/jobs');
    expect(
      await intervalSelect(page)
        .locator('option')
        .evaluateAll((options) => options.map((option) => (option as HTMLOptionElement).value)),
    ).toEqual(['0', '10', '30']);
    await expect(intervalSelect(page)).toHaveValue('10');
    await slow.stop();
  },
);
