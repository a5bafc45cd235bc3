import {
  DISCARDED,
  RUNNING,
  SUCCEEDED,
  insertBatch,
  insertExecution,
  insertJob,
  insertProcess,
} from '../test/harness/rows';
import { findAxeViolations } from './support/axe';
import { openDisplaySettings } from './support/frame';
import { en, ja } from './support/messages';
import { useSite } from './support/site';
import { expect, test } from './support/test';

/* axe (WCAG 2.2 AA) on every page, menu and dialog, in both languages and themes. */
const BATCH = 'c0ffee00-0000-4000-8000-000000000001';
const JOB = 'c0ffee00-0000-4000-8000-000000000002';
const LONG = 'Billing::InvoicesAndDeliveryNotes::GenerateMonthlyStatementForCustomerJob';

const site = useSite('accessibility', {
  // Without the index every page has its banner, which is checked too.
  sql: ['DROP INDEX index_good_jobs_on_created_at'],
  consoleSchema: false,
  async seed(db) {
    await insertBatch(db, {
      id: BATCH,
      description: '請求書の一括発行（2026年11月分）',
      on_finish: LONG,
      on_success: LONG,
      discarded_at: new Date().toISOString(),
    });
    for (const shape of [
      {},
      RUNNING,
      SUCCEEDED,
      { scheduled_at: new Date(Date.now() + 3_600_000).toISOString() },
      {
        scheduled_at: new Date(Date.now() + 3_600_000).toISOString(),
        error: 'E: x',
        executions_count: 2,
      },
    ])
      await insertJob(db, {
        batch_id: BATCH,
        job_class: LONG,
        labels: ['nightly', '日次レポート'],
        queue_name: '低優先度キュー',
        ...shape,
      });
    await insertJob(db, {
      id: JOB,
      batch_id: BATCH,
      job_class: LONG,
      cron_key: 'nightly_report',
      concurrency_key: LONG,
      ...DISCARDED,
      error: `Net::ReadTimeout: ${'x'.repeat(300)}`,
    });
    await insertExecution(db, JOB, {
      ...{
        job_class: LONG,
        serialized_params: '{"executions": 0}',
        error: 'Net::ReadTimeout: read',
        error_event: 1,
        finished_at: new Date().toISOString(),
      },
      error_backtrace: ["/app/jobs/x.rb:1:in `perform'", '/usr/gems/activejob/y.rb:2'],
      duration: 'PT1.5S',
    });
    await insertJob(db, { batch_callback_id: BATCH, job_class: LONG });
    await insertJob(db, { queue_name: '誰も処理しないキュー', job_class: LONG });
    for (const updated_at of [0, 60, 600].map((seconds) =>
      new Date(Date.now() - seconds * 1000).toISOString(),
    )) {
      const id = await insertProcess(db, {
        updated_at,
        state: JSON.stringify({
          hostname: LONG,
          pid: 1,
          memory: 90_000,
          proctitle: `/usr/bin/${LONG}`,
          cron_enabled: true,
          schedulers: [
            {
              queues: `-誰も処理しないキュー,${LONG},${LONG}`,
              max_threads: 5,
              active_threads: 1,
              succeeded_executions_count: 1,
            },
          ],
        }),
      });
      await insertJob(db, {
        ...RUNNING,
        locked_by_id: id,
        job_class: LONG,
        queue_name: '低優先度キュー',
      });
    }
    await db.query(
      `INSERT INTO good_job_settings (key, value, created_at, updated_at)
        VALUES ('pauses', $1, now(), now())`,
      [JSON.stringify({ queues: ['低優先度キュー'], job_classes: [LONG], labels: ['nightly'] })],
    );
  },
});

const PAGES = [
  '/',
  '/?range=2h',
  '/jobs',
  '/jobs?state=discarded',
  '/jobs?state=bogus',
  `/jobs/${JOB}`,
  `/jobs/${JOB}?raw=1`,
  `/jobs/${JOB}/retry`,
  `/jobs/${JOB}/reschedule`,
  `/jobs/${JOB}/reveal`,
  '/batches',
  `/batches/${BATCH}`,
  `/batches/${BATCH}/retry`,
  '/attention',
  '/attention/repair?repair=release_jobs',
  '/cron_entries',
  '/cron_entries/nightly_report',
  '/cron_entries/nightly_report/enqueue',
  '/pauses',
  '/pauses/pause?type=label&value=nightly',
  '/queues',
  '/queues?range=2h',
  '/processes',
  '/processes?state=dead',
  '/cleaner?finished_since=7_days_ago',
  '/cleaner?by=class',
  '/cleaner?by=exception',
  '/performance',
  `/performance/${encodeURIComponent(LONG)}`,
  '/performance/Nothing',
  '/audit',
  '/nothing',
];

for (const locale of ['ja', 'en'] as const) {
  test.describe(locale, () => {
    test.use({ locale });

    test(`every page passes axe and fits a phone in ${locale}`, async ({ page, problems }) => {
      test.setTimeout(240_000);
      problems.allowStatus(404);
      for (const path of PAGES) {
        await site.open(page, path);
        expect(await findAxeViolations(page), path).toEqual([]);
        await page.setViewportSize({ width: 390, height: 844 });
        const { scrollWidth, innerWidth } = await page.evaluate(() => ({
          scrollWidth: document.documentElement.scrollWidth,
          innerWidth: window.innerWidth,
        }));
        expect(scrollWidth, path).toBeLessThanOrEqual(innerWidth);
        await page.setViewportSize({ width: 1280, height: 720 });
      }
    });

    test(`the menu, the dialogs and the settings pass axe in ${locale}`, async ({ page }) => {
      await site.open(page, `/batches/${BATCH}`);
      await page.locator(`[data-job="${JOB}"] [aria-haspopup="menu"]`).click();
      await expect(page.getByRole('menu')).toBeVisible();
      expect(await findAxeViolations(page, { floating: true }), 'menu').toEqual([]);
      await page.getByRole('menuitem').first().click();
      await expect(page.getByRole('dialog')).toBeVisible();
      expect(await findAxeViolations(page), 'retry dialog').toEqual([]);
      await page.keyboard.press('Escape');
      await page.locator(`a[href$="/batches/${BATCH}/retry"]`).last().click();
      await expect(page.getByRole('dialog')).toBeVisible();
      expect(await findAxeViolations(page), 'batch retry dialog').toEqual([]);
      await page.keyboard.press('Escape');
      await openDisplaySettings(page, { en, ja }[locale]);
      expect(await findAxeViolations(page, { floating: true }), 'settings').toEqual([]);
    });
  });
}
