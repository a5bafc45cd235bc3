import type { Page } from 'playwright/test';
import { insertJob } from '../test/harness/rows';
import { violations } from './support/axe';
import { en } from './support/messages';
import { idsOn } from './support/paging';
import { startSite, useSite } from './support/site';
import { expect, test } from './support/test';

const site = useSite('live', {
  async seed(db) {
    for (let n = 0; n < 40; n += 1)
      await insertJob(db, { created_at: new Date(Date.UTC(2026, 0, 1, 0, n)).toISOString() });
  },
});
test.beforeEach(() => site.db.query(`DELETE FROM good_jobs WHERE created_at > '2026-01-02'`));

const pace = (page: Page) => page.getByRole('combobox', { name: en('live.label') });
const news = (page: Page, number: string) =>
  page.getByRole('button', { name: en('live.news', { number }) });

/** The requests that the page makes while its clock runs on. */
async function asks(page: Page): Promise<(ms: number) => Promise<string[]>> {
  let urls: string[] = [];
  page.on(
    'request',
    (request) => /\/api\/(?!jobs\/completion)/.test(request.url()) && urls.push(request.url()),
  );
  return async (ms) => {
    urls = [];
    await page.clock.runFor(ms);
    await page.waitForTimeout(150);
    return urls;
  };
}

test(
  'new rows are announced, and shown when they are asked for',
  { tag: '@any-path' },
  async ({ page }) => {
    await page.clock.install();
    await site.open(page, '/jobs');
    const before = await idsOn(page, 'job');
    const added = [await insertJob(site.db), await insertJob(site.db)];
    const [changed = ''] = before;
    await site.db.query(
      'UPDATE good_jobs SET finished_at = now(), performed_at = now() WHERE id = $1',
      [changed],
    );
    await page.clock.runFor(6_000);
    await expect(news(page, '2')).toBeVisible();
    expect(await idsOn(page, 'job'), 'nothing has moved').toEqual(before);
    await expect(
      page.locator(`[data-job="${changed}"]`),
      'but what stood there is up to date',
    ).toContainText(en('states.succeeded'));
    expect(await violations(page)).toEqual([]);
    await news(page, '2').click();
    expect((await idsOn(page, 'job')).slice(0, 2).sort()).toEqual(added.sort());
    await expect(news(page, '2')).toHaveCount(0);
  },
);

test(
  'a row that has left the list stays in its place and says so',
  { tag: '@any-path' },
  async ({ page }) => {
    await page.clock.install();
    await site.open(page, '/jobs?state=queued');
    const before = await idsOn(page, 'job');
    const [gone = ''] = before;
    await site.db.query('UPDATE good_jobs SET performed_at = now() WHERE id = $1', [gone]);
    await page.clock.runFor(6_000);
    await expect(page.locator(`[data-job="${gone}"]`)).toContainText(en('live.left'));
    expect(await idsOn(page, 'job')).toEqual(before);
    await site.db.query('UPDATE good_jobs SET performed_at = NULL WHERE id = $1', [gone]);
    await page.clock.runFor(6_000);
    await expect(page.locator(`[data-job="${gone}"]`)).not.toContainText(en('live.left'));
  },
);

test('one request a refresh, with counts and chart in it, and none of what is off the screen', async ({
  page,
}) => {
  await page.clock.install();
  await site.open(page, '/jobs');
  await page.getByRole('button', { name: en('chart.show') }).click();
  await expect(page.getByRole('combobox', { name: en('chart.range'), exact: true })).toBeVisible();
  const asked = await asks(page);
  await expect.poll(async () => (await asked(5_500)).length).toBe(1);
  const parts = new Set<string>();
  for (let n = 0; n < 5; n += 1)
    for (const url of await asked(5_000))
      new URL(url).searchParams
        .get('include')
        ?.split(',')
        .forEach((part) => parts.add(part));
  expect(parts).toEqual(new Set(['counts', 'chart']));
});

test('the pace is the viewer’s own, and is kept', async ({ page }) => {
  await page.clock.install();
  await site.open(page, '/jobs');
  await expect(pace(page)).toHaveValue('5');
  await pace(page).selectOption(en('live.seconds', { seconds: 30 }));
  const asked = await asks(page);
  expect(await asked(20_000)).toEqual([]);
  await expect.poll(async () => (await asked(15_000)).length).toBeGreaterThan(0);
  await site.open(page, '/batches');
  await expect(pace(page)).toHaveValue('30');
  await pace(page).selectOption(en('live.never'));
  await site.open(page, '/jobs');
  await page.waitForTimeout(500);
  expect(await asked(60_000)).toEqual([]);
});

test(
  'it rests while rows are chosen, a menu or panel is open, the page scrolls or is hidden',
  { tag: '@any-path' },
  async ({ page }) => {
    await page.clock.install();
    await site.open(page, '/jobs');
    const asked = await asks(page);
    await expect.poll(async () => (await asked(6_000)).length).toBeGreaterThan(0);
    const rests = async (what: string) => expect(await asked(30_000), what).toEqual([]);
    const goesOn = () => expect.poll(async () => (await asked(6_000)).length).toBeGreaterThan(0);

    const box = page.locator('[data-job] input').first();
    await box.click();
    await rests('rows chosen');
    await box.click();
    await goesOn();

    await page.locator('[data-job] [aria-haspopup="menu"]').first().click();
    await expect(page.getByRole('menu')).toBeVisible();
    await rests('menu');
    await page.keyboard.press('Escape');
    await goesOn();

    await page.getByRole('button', { name: en('columnMenu.label') }).click();
    await expect(page.getByLabel(en('columnMenu.path'))).toBeVisible();
    await page.waitForTimeout(300);
    await rests('panel');
    await page.keyboard.press('Escape');
    await goesOn();

    await page.getByRole('combobox', { name: en('search.label') }).fill('class:');
    await rests('a search being written');
    await page.getByRole('combobox', { name: en('search.label') }).fill('');
    await page.keyboard.press('Escape');
    await goesOn();

    await page.evaluate(() => {
      Object.defineProperty(document, 'hidden', { configurable: true, get: () => true });
      Object.defineProperty(document, 'visibilityState', {
        configurable: true,
        get: () => 'hidden',
      });
      document.dispatchEvent(new Event('visibilitychange'));
    });
    await rests('hidden tab');
    await page.evaluate(() => {
      Reflect.deleteProperty(document, 'hidden');
      Reflect.deleteProperty(document, 'visibilityState');
      document.dispatchEvent(new Event('visibilitychange'));
    });
    await goesOn();

    let scrolled = 0;
    for (let n = 0; n < 20; n += 1) {
      await page.mouse.wheel(0, n % 2 ? -40 : 40);
      scrolled += (await asked(500)).length;
    }
    expect(scrolled, 'scrolling').toBe(0);
  },
);

test(
  'failures slow it down and leave the rows, with their time',
  { tag: '@any-path' },
  async ({ page, problems }) => {
    problems.allow(/Failed to load resource/);
    problems.allowStatus(500);
    await page.clock.install();
    await site.open(page, '/jobs');
    const before = await idsOn(page, 'job');
    await page.route('**/api/jobs?*', (route) =>
      route.fulfill({ status: 500, json: { error: 'unexpected' } }),
    );
    const asked = await asks(page);
    await asked(60_000);
    await expect(page.getByText(/Last updated/)).toBeVisible();
    expect(await idsOn(page, 'job')).toEqual(before);
    expect((await asked(60_000)).length, 'of twelve at the usual pace').toBeLessThanOrEqual(4);
  },
);

test(
  'nobody refreshes faster than the server allows',
  { tag: '@any-path' },
  async ({ page, basePath }) => {
    const slow = await startSite('live floor', basePath, { env: { LIVE_FLOOR_SECONDS: '10' } });
    await slow.open(page, '/jobs');
    expect(
      await pace(page)
        .locator('option')
        .evaluateAll((options) => options.map((option) => (option as HTMLOptionElement).value)),
    ).toEqual(['0', '10', '30']);
    await expect(pace(page)).toHaveValue('10');
    await slow.stop();
  },
);
