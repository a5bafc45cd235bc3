import { SUCCEEDED, insertExecution, insertJob } from '../test/harness/rows';
import { en, ja } from './support/messages';
import { useSite } from './support/site';
import { expect, test } from './support/test';

const minutesAgo = (n: number) => new Date(Date.now() - n * 60_000).toISOString();
const NAME = 'Reports::日次/Job?x=1&y#z%';
let slowest = '';
let slowestJob = '';

const site = useSite('performance', {
  async seed(db) {
    for (let n = 0; n < 20; n += 1) {
      const at = minutesAgo(30 + n);
      const id = await insertJob(db, {
        ...SUCCEEDED,
        job_class: NAME,
        queue_name: 'reports',
        performed_at: at,
        finished_at: at,
      });
      slowest = await insertExecution(db, id, {
        job_class: NAME,
        queue_name: 'reports',
        created_at: at,
        scheduled_at: minutesAgo(32 + n),
        finished_at: at,
        duration: `PT${n + 1}S`,
        ...(n < 5 ? { error: 'RuntimeError: boom', error_event: 3 } : {}),
      });
      slowestJob = id;
    }
    // An execution of a deleted job without a duration, and three of the previous day.
    await insertExecution(db, 'c0ffee00-0000-4000-8000-0000000000aa', {
      job_class: 'Gone',
      queue_name: 'default',
      created_at: minutesAgo(60),
      finished_at: minutesAgo(59),
    });
    for (let n = 0; n < 3; n += 1)
      await insertExecution(db, 'c0ffee00-0000-4000-8000-0000000000aa', {
        job_class: NAME,
        queue_name: 'reports',
        created_at: minutesAgo(2_000),
        finished_at: minutesAgo(1_999),
        duration: 'PT60S',
      });
  },
});

test('compares figures by class and queue with those of the previous day', async ({ page }) => {
  await site.open(page, '/performance');
  await expect(page.locator('[data-accuracy="exact"]')).toBeVisible();
  const total = (key: string) => page.locator(`[data-figure="${key}"]`);
  await expect(total('executions')).toContainText('21');
  await expect(total('executions')).toContainText(en('performance.before', { value: '3' }));
  await expect(total('failures')).toContainText('5');
  const row = page.locator('[data-figures="class"] tbody tr').first();
  await expect(row.getByRole('rowheader')).toHaveText(NAME);
  // Executions, failures, total, average, shortest, longest, p50, p95, p99 of run and wait.
  const cells = (await row.getByRole('cell').allTextContents()).map((text) =>
    text.replace(/prev\. .*/, ''),
  );
  expect(cells).toEqual([
    '20',
    '5',
    '3 min 30 s',
    '11 s',
    '1 s',
    '20 s',
    '11 s',
    '19 s',
    '20 s',
    '2 min',
    '2 min',
    '2 min',
  ]);
  const deletedClass = page.locator('[data-figures="class"] tbody tr').filter({ hasText: 'Gone' });
  await expect(deletedClass.getByRole('cell').nth(2)).toContainText('1 min');
  await expect(page.locator('[data-figures="queue"] tbody tr')).toHaveCount(2);
  await expect(page.locator('canvas').first()).toBeVisible();

  await page
    .locator('[data-figures="class"] thead')
    .getByRole('link', { name: en('performance.failures') })
    .click();
  await expect(page.locator('[data-figures="class"] th[aria-sort="descending"]')).toHaveText(
    en('performance.failures'),
  );
});

test('every chart has a table of its numbers', async ({ page }) => {
  await site.open(page, '/performance');
  const histogram = page.getByRole('figure', { name: en('performance.histogram') });
  await expect(histogram.locator('canvas')).toBeVisible();
  await histogram.getByRole('button', { name: en('chart.asTable') }).click();
  await expect(histogram.locator('canvas')).toHaveCount(0);
  const counts = await histogram.locator('tbody td').allTextContents();
  expect(counts.map(Number).reduce((a, b) => a + b, 0)).toBe(21);
  const chart = page.getByRole('figure', { name: en('performance.chartTitle') });
  await chart.getByRole('button', { name: en('chart.asTable') }).click();
  await expect(chart.locator('thead')).toContainText(NAME);
});

test('opens a class with special characters and its slowest execution', async ({ page }) => {
  await site.open(page, '/performance');
  await page.locator('[data-figures="class"]').getByRole('link', { name: NAME }).click();
  await page.waitForURL(`**/performance/${encodeURIComponent(NAME)}`);
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(NAME);
  await expect(page.locator('[data-figure="executions"]')).toContainText('20');
  await expect(page.getByRole('figure', { name: en('performance.histogram') })).toBeVisible();
  const first = page.locator('[data-execution]').first();
  await expect(first).toHaveAttribute('data-execution', slowest);
  await first.click();
  await page.waitForURL(`**/jobs/${slowestJob}#${slowest}`);
  await expect(page.locator(`[id="${slowest}"]`)).toBeVisible();
});

test('the number of executions links to their jobs', async ({ page }) => {
  await site.open(page, `/performance/${encodeURIComponent(NAME)}`);
  await page.locator('[data-figure="executions"] a').click();
  await page.waitForURL(/\/jobs\?/);
  await expect(page.locator('[data-job]')).toHaveCount(20);
});

test('chooses a custom performance period without JavaScript', async ({ browser }) => {
  const context = await browser.newContext({ javaScriptEnabled: false, locale: 'en' });
  const page = await context.newPage();
  await page.goto(site.url('/performance'));
  await page.locator('main details summary').first().click();
  const at = (minutes: number) => minutesAgo(minutes).slice(0, 16);
  await page.locator('input[name="from"]').fill(at(2_100));
  await page.locator('input[name="to"]').fill(at(1_900));
  await page.getByRole('button', { name: en('performance.apply') }).click();
  await expect(page.locator('[data-figure="executions"]')).toContainText('3');
  await expect(
    page.getByRole('figure', { name: en('performance.histogram') }).locator('table'),
  ).toBeVisible();
  await context.close();
});

test('answers 404 for the performance of an unknown class', async ({ page, problems }) => {
  problems.allowStatus(404);
  for (const name of ['No::Such', '%F0%9F%98%80', `${'x'.repeat(900)}`]) {
    const response = await page.goto(site.url(`/performance/${name}`));
    expect(response?.status(), name).toBe(404);
    await expect(page.getByRole('heading', { level: 1 })).toHaveText(
      en('performance.unknownClass'),
    );
  }
  expect((await page.goto(site.url('/performance/No%3A%3ASuch?locale=ja')))?.status()).toBe(404);
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(ja('performance.unknownClass'));
});

test('shows no performance figures for an invalid filter', async ({ page }) => {
  await site.open(page, '/performance?range=century&from=x');
  await expect(page.getByRole('alert').filter({ hasText: 'century' })).toBeVisible();
  await expect(page.locator('[data-totals]')).toHaveCount(0);
});
