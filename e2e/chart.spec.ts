import type pg from 'pg';
import type { Page } from 'playwright/test';
import { DISCARDED, SUCCEEDED, insertJob } from '../test/harness/rows';
import { findAxeViolations } from './support/axe';
import { en } from './support/messages';
import { visibleIds } from './support/paging';
import { useSite } from './support/site';
import { expect, test } from './support/test';

const ago = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();

/** Three jobs ten minutes ago, one of them discarded, and one two hours ago. */
async function seed(db: pg.Client): Promise<void> {
  for (const shape of [DISCARDED, SUCCEEDED, SUCCEEDED])
    await insertJob(db, { ...shape, created_at: ago(10), queue_name: 'mailers' });
  await insertJob(db, { ...SUCCEEDED, created_at: ago(120), queue_name: 'reports' });
}

const site = useSite('chart', { seed });
const plot = (page: Page) => page.getByRole('group', { name: new RegExp(en('chart.title')) });
const q = (page: Page) => new URL(page.url()).searchParams.get('q');

async function openChart(page: Page, path = '/jobs'): Promise<void> {
  await site.open(page, path);
  await expect(plot(page).locator('canvas')).toBeVisible();
}

test('the chart is above the list, and keeps its settings and whether it is hidden', async ({
  page,
}) => {
  await openChart(page);
  await page.getByRole('combobox', { name: en('chart.range'), exact: true }).selectOption('day');
  await page.getByRole('combobox', { name: en('chart.by'), exact: true }).selectOption('queue');
  await expect(page.getByText('reports').first()).toBeVisible();
  await site.open(page, '/jobs?state=succeeded');
  await expect(page.getByRole('combobox', { name: en('chart.range'), exact: true })).toHaveValue(
    'day',
  );
  await expect(plot(page).locator('canvas')).toBeVisible();
  await page.getByRole('button', { name: en('chart.hide') }).click();
  await site.open(page, '/jobs');
  await expect(page.locator('canvas')).toHaveCount(0);
  await page.getByRole('button', { name: en('chart.show') }).click();
  await expect(plot(page).locator('canvas')).toBeVisible();
});

test(
  'the table has the numbers of the chart under the filter of the list',
  { tag: '@any-path' },
  async ({ page }) => {
    await openChart(page, '/jobs');
    await page.getByRole('button', { name: en('chart.asTable') }).click();
    const table = page.getByRole('table', { name: en('chart.title') });
    await expect(table.getByRole('columnheader')).toHaveText([
      en('chart.from'),
      en('chart.total'),
      en('states.succeeded'),
      en('states.discarded'),
    ]);
    await expect(table.locator('tbody tr')).toHaveCount(1);
    await expect(table.locator('tbody td').first()).toHaveText('3');
    await site.open(page, '/jobs?state=discarded');
    await page.getByRole('button', { name: en('chart.asTable') }).click();
    await expect(
      page
        .getByRole('table', { name: en('chart.title') })
        .locator('tbody td')
        .first(),
    ).toHaveText('1');
    await page.getByRole('button', { name: en('chart.pick') }).click();
    await expect.poll(() => q(page)).toMatch(/^created:.+Z\.\..+Z$/);
    await expect.poll(() => visibleIds(page, 'job')).toHaveLength(1);
  },
);

test('dragging across the chart replaces the time filter', async ({ page }) => {
  await openChart(page);
  const area = await page.locator('.u-over').boundingBox();
  if (!area) throw new Error('The chart has no area.');
  const drag = async (from: number, to: number) => {
    await page.mouse.move(area.x + area.width * from, area.y + 20);
    await page.mouse.down();
    await page.mouse.move(area.x + area.width * to, area.y + 30, { steps: 5 });
    await page.mouse.up();
  };
  await drag(0.75, 0.95);
  await expect
    .poll(() => q(page))
    .toMatch(/^created:\d{4}-\d\d-\d\dT\d\d:\d\dZ\.\.\d{4}-\d\d-\d\dT\d\d:\d\dZ$/);
  await expect.poll(() => visibleIds(page, 'job')).toHaveLength(3);
  const first = q(page);
  await drag(0.1, 0.3);
  await expect.poll(() => q(page)).not.toBe(first);
  expect(q(page)?.match(/created:/g)).toHaveLength(1);
  await expect.poll(() => visibleIds(page, 'job')).toHaveLength(0);
  await page.getByRole('button', { name: en('chart.reset') }).click();
  await expect.poll(() => q(page)).toBeNull();
});

test('the arrow keys set the time filter of the chart', { tag: '@any-path' }, async ({ page }) => {
  await openChart(page);
  await plot(page).focus();
  for (let n = 0; n < 5; n += 1) await page.keyboard.press('ArrowLeft');
  for (let n = 0; n < 10; n += 1) await page.keyboard.press('Shift+ArrowLeft');
  await expect(page.getByText(/: 3 jobs$/)).toBeVisible();
  await page.keyboard.press('Enter');
  await expect.poll(() => q(page)).toMatch(/^created:/);
  await expect.poll(() => visibleIds(page, 'job')).toHaveLength(3);
});

test('the chart and its table pass axe', { tag: '@any-path' }, async ({ page }) => {
  await openChart(page);
  expect(await findAxeViolations(page)).toEqual([]);
  await page.getByRole('button', { name: en('chart.asTable') }).click();
  await expect(page.getByRole('table', { name: en('chart.title') })).toBeVisible();
  expect(await findAxeViolations(page), 'table').toEqual([]);
});
