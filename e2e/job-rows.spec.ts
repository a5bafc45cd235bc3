import type pg from 'pg';
import type { Page } from 'playwright/test';
import { DISCARDED, RUNNING, SUCCEEDED, insertJob, serializedParams } from '../test/harness/rows';
import { en, ja } from './support/messages';
import { visibleIds } from './support/paging';
import { rowOf } from './support/row-actions';
import { useSite } from './support/site';
import { expect, test } from './support/test';

/* What a row says, its columns, and how they are sorted. */
const SECRET = 'zq7kxw9vjt3m';
const uuid = (n: number) => `c0ffee00-0000-4000-8000-${String(n).padStart(12, '0')}`;
const INVOICE = uuid(1);
const MAIL = uuid(2);
const SLOW = uuid(3);
const LARGE = uuid(4);
const RUNS = uuid(5);

const params = (id: string, args: unknown[]) => ({
  id,
  serialized_params: serializedParams(id, { arguments: args }),
});

async function seed(db: pg.Client): Promise<void> {
  await insertJob(db, {
    ...SUCCEEDED,
    job_class: 'InvoiceMailerJob',
    ...params(INVOICE, [
      { _aj_globalid: 'gid://shop/Invoice/64757' },
      { to: 'user4373@example.com', password: SECRET, subject: 'ご請求書（株式会社東雲物流）' },
    ]),
  });
  await insertJob(db, {
    ...SUCCEEDED,
    job_class: 'ActionMailer::MailDeliveryJob',
    ...params(MAIL, ['CustomerMailer', 'welcome', 'deliver_now', { args: [7] }]),
  });
  await insertJob(db, {
    ...DISCARDED,
    job_class: 'SlowJob',
    executions_count: 5,
    error: 'Net::OpenTimeout: execution expired',
    error_event: 4,
    scheduled_at: '2026-11-20T10:00:00Z',
    created_at: '2026-11-20T10:00:00Z',
    performed_at: '2026-11-20T10:01:00Z',
    finished_at: '2026-11-20T10:11:00Z',
    ...params(SLOW, []),
  });
  await insertJob(db, { job_class: 'LargeJob', ...params(LARGE, ['x'.repeat(70_000)]) });
  await insertJob(db, {
    ...RUNNING,
    job_class: 'RunningJob',
    // Within the hour that the chart shows.
    created_at: new Date(Date.now() - 60_000),
    ...params(RUNS, [1]),
  });
}

const site = useSite('job rows', { seed });
const grid = (page: Page) => page.getByRole('grid', { name: en('jobs.title') });

test('a row says what runs with its arguments, redacted', async ({ page }) => {
  await site.open(page, '/jobs');
  await expect(rowOf(page, INVOICE)).toContainText(
    'InvoiceMailerJobInvoice/64757 · to: user4373@example.com · ' +
      'subject: ご請求書（株式会社東雲物流） · password: [REDACTED]',
  );
  await expect(rowOf(page, MAIL)).toContainText('CustomerMailer#welcome7');
  await expect(rowOf(page, SLOW)).toContainText('Net::OpenTimeout: execution expired');
  await expect(rowOf(page, SLOW)).toContainText(en('errorEvents.retry_stopped'));
  await expect(rowOf(page, SLOW)).toContainText('1 min');
  await expect(rowOf(page, SLOW)).toContainText('10 min');
  await expect(rowOf(page, LARGE).locator('.job-args')).toHaveCount(0);
  await expect(page.locator('body')).not.toContainText(SECRET);
});

for (const [locale, translate] of [
  ['en', en],
  ['ja', ja],
] as const)
  test(`one search finds the invoice of a customer, readable in its row, in ${locale}`, async ({
    page,
  }) => {
    await site.open(page, `/jobs?locale=${locale}`);
    await page.getByRole('combobox', { name: translate('search.label') }).fill('東雲物流');
    await page.keyboard.press('Enter');
    await expect.poll(() => visibleIds(page, 'job')).toEqual([INVOICE]);
    const match = rowOf(page, INVOICE).locator('mark');
    await expect(match).toHaveText('東雲物流');
    await expect(rowOf(page, INVOICE)).toContainText('subject: ご請求書（株式会社東雲物流）');
    const isReadable = await match.evaluate((mark) => {
      const { left, right } = mark.getBoundingClientRect();
      const row = mark.closest('.job-args')?.getBoundingClientRect();
      return row !== undefined && left >= row.left && right <= row.right;
    });
    expect(isReadable).toBe(true);
  });

test('only what is wrong is a filled pill', async ({ page }) => {
  await site.open(page, '/jobs');
  await expect(rowOf(page, SLOW).locator('.pill')).toHaveText(en('states.discarded'));
  await expect(rowOf(page, RUNS).locator('.pill')).toHaveText(en('states.lostWorker'));
  await expect(rowOf(page, INVOICE).locator('.pill')).toHaveCount(0);
  await expect(rowOf(page, INVOICE)).toContainText(en('states.succeeded'));
});

test('the priority and the attempts are columns where a job has other than the default', async ({
  page,
}) => {
  const column = (name: 'priority' | 'attempts') =>
    grid(page).getByRole('columnheader', { name: en(`jobs.columns.${name}`) });
  await site.open(page, '/jobs?state=succeeded');
  await expect(grid(page)).toBeVisible();
  await expect(column('priority')).toHaveCount(0);
  await expect(column('attempts')).toHaveCount(0);
  await site.open(page, '/jobs?state=discarded');
  await expect(column('attempts')).toHaveCount(1);
  await site.open(page, '/jobs?columns=priority,attempts,state');
  await expect(column('priority')).toHaveCount(1);
});

test('filters by wait and run time, also in Japanese units', async ({ page }) => {
  for (const [q, ids] of [
    ['wait:>30s wait:<2m', [SLOW]],
    ['runtime:>=10m runtime:<11m', [SLOW]],
    ['runtime:9分..11分', [SLOW]],
    ['待ち', []],
  ] as const) {
    await site.open(page, `/jobs?q=${encodeURIComponent(q)}`);
    expect(await visibleIds(page, 'job'), q).toEqual(ids);
  }
  await site.open(page, '/jobs?q=runtime%3Along');
  await expect(page.locator('main').getByRole('alert')).toContainText(en('search.problems.value'));
});

test('sorts one page by the run time, and says so', async ({ page }) => {
  await site.open(page, '/jobs');
  await expect(page.getByText(en('jobs.sortedWithinPage'))).toHaveCount(0);
  const header = grid(page).getByRole('columnheader', { name: en('jobs.columns.runtime') });
  await header.getByRole('link').click();
  await expect(header).toHaveAttribute('aria-sort', 'descending');
  await expect(page.getByText(en('jobs.sortedWithinPage'))).toBeVisible();
  expect((await visibleIds(page, 'job')).slice(0, 2)).toEqual([RUNS, SLOW]);
});

test('a column keeps the width that the viewer gives it, by keyboard and by pointer', async ({
  page,
}) => {
  await site.open(page, '/jobs');
  const header = grid(page).getByRole('columnheader', { name: en('jobs.columns.queue') });
  const widthOf = async () => (await header.boundingBox())?.width ?? 0;
  const initial = await widthOf();
  await header.focus();
  for (let n = 0; n < 4; n += 1) await page.keyboard.press('Shift+ArrowRight');
  await expect.poll(widthOf).toBe(initial + 32);
  const handle = await header.locator('.col-resizer').boundingBox();
  if (!handle) throw new Error('The column has no handle.');
  await page.mouse.move(handle.x + 4, handle.y + 10);
  await page.mouse.down();
  await page.mouse.move(handle.x + 4 - 40, handle.y + 10, { steps: 4 });
  await page.mouse.up();
  await expect.poll(widthOf).toBe(initial + 72);
  await site.open(page, '/jobs');
  expect(await widthOf()).toBe(initial + 72);
});

test('compact rows are 32 px high, and comfortable ones 44 px', async ({ page }) => {
  await site.open(page, '/jobs');
  const heightOf = async () => (await rowOf(page, INVOICE).boundingBox())?.height ?? 0;
  expect(Math.abs((await heightOf()) - 44)).toBeLessThanOrEqual(1);
  await page.getByRole('button', { name: en('columnMenu.label') }).click();
  await page.getByLabel(en('columnMenu.densities.compact')).check();
  await expect.poll(heightOf).toBeLessThanOrEqual(33);
  await site.open(page, '/jobs');
  expect(await heightOf()).toBeLessThanOrEqual(33);
});

test('the first job of a phone is above the fold, and nothing is wider than the screen', async ({
  page,
}) => {
  await page.setViewportSize({ width: 390, height: 844 });
  for (const locale of ['en', 'ja']) {
    await site.open(page, `/jobs?locale=${locale}`);
    await expect(page.locator('canvas')).toBeVisible();
    const row = await page.locator('[data-job]').first().boundingBox();
    expect((row?.y ?? Infinity) + (row?.height ?? 0)).toBeLessThan(844 - 56);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(
      390,
    );
  }
});
