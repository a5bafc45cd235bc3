import type pg from 'pg';
import type { Page } from 'playwright/test';
import { DISCARDED, RUNNING, SUCCEEDED, insertBatch, insertJob } from '../test/harness/rows';
import { en } from './support/messages';
import { bulkBar, rowOf } from './support/row-actions';
import { useSite } from './support/site';
import { expect, test } from './support/test';

declare global {
  interface Window {
    shifts?: number[];
  }
}

/* Layout shift as Chromium measures it: at most 0.02 while a page loads, none afterwards. */
const BATCH = 'c0ffee00-0000-4000-8000-00000000000b';
const JOB = 'c0ffee00-0000-4000-8000-000000000001';
const OTHER_JOB = 'c0ffee00-0000-4000-8000-000000000002';
const MAX_LOAD_SHIFT = 0.02;
/** Texts of ages and waits, right-aligned in their columns, grow with the clock. */
const CLOCK_SHIFT = 0.001;

async function seed(db: pg.Client): Promise<void> {
  await insertBatch(db, { id: BATCH, description: 'Import' });
  await insertJob(db, { id: JOB, job_class: 'FailedJob', batch_id: BATCH, ...DISCARDED });
  await insertJob(db, { id: OTHER_JOB, job_class: 'OtherJob', ...DISCARDED });
  await insertJob(db, { job_class: 'DoneJob', batch_id: BATCH, ...SUCCEEDED });
  await insertJob(db, { job_class: 'RunningJob', ...RUNNING, created_at: new Date() });
}

const site = useSite('layout shift', { seed });

test.beforeEach(({ page }) =>
  page.addInitScript(() => {
    const shifts: number[] = [];
    window.shifts = shifts;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries() as (PerformanceEntry & Record<string, unknown>)[])
        if (entry.hadRecentInput !== true) shifts.push(Number(entry.value));
    }).observe({ type: 'layout-shift', buffered: true });
  }),
);

const shiftOf = (page: Page) =>
  page.evaluate(() => {
    if (!window.shifts) throw new Error('Nothing observes layout shifts.');
    return window.shifts.reduce((sum, value) => sum + value, 0);
  });

for (const width of [390, 1440])
  test(
    `no page shifts by more than ${MAX_LOAD_SHIFT} while it loads at ${width} px`,
    { tag: '@any-path' },
    async ({ page }) => {
      await page.setViewportSize({ width, height: 900 });
      for (const path of [
        '',
        '/jobs',
        `/jobs/${JOB}`,
        '/batches',
        `/batches/${BATCH}`,
        '/queues',
        '/pauses',
        '/processes',
        '/cron_entries',
        '/cleaner',
        '/performance',
        '/attention',
        '/audit',
        '/bulk',
      ]) {
        await site.open(page, path);
        await page.waitForLoadState('networkidle');
        expect(await shiftOf(page), path).toBeLessThan(MAX_LOAD_SHIFT);
      }
    },
  );

test('a selection, a preview, a poll and a toast move nothing', async ({ page }) => {
  await site.open(page, '/jobs');
  await expect(page.locator('canvas')).toBeVisible();
  await expect(page.locator('[data-polling="on"]')).toBeVisible();
  await page.waitForLoadState('networkidle');
  let before = await shiftOf(page);
  const expectNoShift = async (cause: string) => {
    const after = await shiftOf(page);
    expect(after - before, cause).toBeLessThan(CLOCK_SHIFT);
    before = after;
  };
  const place = await rowOf(page, OTHER_JOB).boundingBox();

  await Promise.all([
    page.waitForResponse((response) => new URL(response.url()).pathname.includes('/api/jobs')),
    insertJob(site.db, { job_class: 'NewJob' }),
  ]);
  await expect(
    page.getByRole('button', { name: en('polling.newRows', { number: '1' }) }),
  ).toBeVisible();
  await expectNoShift('poll with a new row');

  await rowOf(page, OTHER_JOB).getByRole('checkbox').check();
  await expect(bulkBar(page)).toBeVisible();
  await expectNoShift('selection');
  await rowOf(page, OTHER_JOB).getByRole('checkbox').uncheck();

  await rowOf(page, JOB).getByRole('link').first().click();
  const preview = page.getByRole('complementary', { name: en('preview.label') });
  await expect(preview).toContainText('FailedJob');
  await expectNoShift('preview');
  expect(await rowOf(page, OTHER_JOB).boundingBox()).toEqual(place);

  await preview.getByRole('link', { name: en('actions.retry.menu') }).click();
  await page
    .getByRole('dialog')
    .getByRole('button', { name: en('actions.retry.confirm'), exact: true })
    .click();
  await expect(page.locator('[data-toast]')).toBeVisible();
  await expectNoShift('toast');
});
