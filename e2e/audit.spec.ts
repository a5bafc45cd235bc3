import type { Page } from 'playwright/test';
import { DISCARDED, SUCCEEDED, insertBatch, insertJob } from '../test/harness/rows';
import { findAxeViolations } from './support/axe';
import { en, ja } from './support/messages';
import { lastToast, openActionDialog } from './support/row-actions';
import { useSite } from './support/site';
import { expect, test } from './support/test';

/* Actions and refusals are recorded on /audit, on the page of the job and in the export. */
const site = useSite('audit');

const entries = (page: Page) => page.locator('[data-audit]');
const recordOf = (page: Page, text: string) => entries(page).filter({ hasText: text });

test.beforeEach(async () => {
  await site.db.query(
    `DELETE FROM good_jobs;
      DELETE FROM good_job_batches;
      DELETE FROM good_job_console.audit_events`,
  );
});

async function retryWithReason(page: Page, id: string, reason: string): Promise<void> {
  await site.open(page, '/jobs');
  const dialog = await openActionDialog(page, id, 'retry');
  await dialog.getByLabel(en('actions.reason.label')).fill(reason);
  await dialog.getByRole('button', { name: en('actions.retry.confirm'), exact: true }).click();
  await expect(lastToast(page)).toContainText(en('outcomes.done.retry'));
}

test('records an action with its reason and changes on /audit and on the page of the job', async ({
  page,
}) => {
  const id = await insertJob(site.db, DISCARDED);
  await retryWithReason(page, id, 'Customer <b>asks</b> for it');
  await site.open(page, '/audit');
  const record = recordOf(page, id);
  for (const text of [
    'local',
    en('audit.actions.job.retry'),
    en('audit.outcomes.done'),
    'Customer <b>asks</b> for it',
  ])
    await expect(record).toContainText(text);
  await record.getByText(en('audit.showDetails')).click();
  const changes = record.getByRole('table', { name: en('audit.changesOf', { id }) });
  await expect(changes.getByRole('row', { name: 'error_event' })).toHaveText(
    /error_event\s*unhandled\s*retried/,
  );
  await expect(changes.getByRole('row', { name: 'serialized_params.executions' })).toContainText(
    '1',
  );
  await expect(changes.getByRole('row', { name: 'queue_name' })).toHaveCount(0);
  expect(await findAxeViolations(page)).toEqual([]);
  await record.getByRole('link', { name: id }).click();
  await expect(page.getByRole('list', { name: en('audit.history.title') })).toContainText(
    'Customer <b>asks</b> for it',
  );
  await page.getByRole('link', { name: en('audit.history.all') }).click();
  await expect(page).toHaveURL(site.url(`/audit?target=${id}`));
  await expect(entries(page)).toHaveCount(1);
});

test(
  'shows a batch retry on the page of the batch and a bulk run on those of its jobs',
  { tag: '@any-path' },
  async ({ page }) => {
    const batch = await insertBatch(site.db);
    const id = await insertJob(site.db, { ...DISCARDED, batch_id: batch });
    await site.open(page, `/batches/${batch}/retry`);
    await page.getByLabel(en('actions.reason.label')).fill('all again');
    await page
      .getByRole('button', { name: en('actions.batch_retry.confirm'), exact: true })
      .click();
    const history = page.getByRole('list', { name: en('audit.history.title') });
    await expect(history).toContainText(en('audit.actions.batch.retry'));
    await expect(history).toContainText('all again');
    const otherJob = await insertJob(site.db, { ...SUCCEEDED, job_class: 'OtherJob' });
    await site.open(page, '/jobs?job_class=OtherJob');
    await page.getByRole('checkbox', { name: en('jobs.select', { id: otherJob }) }).check();
    await page.getByRole('button', { name: en('actions.destroy.menu') }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByLabel(en('actions.reason.label')).fill('privacy request');
    await dialog
      .getByRole('button', { name: en('bulk.confirms.destroy', { count: 1, number: '1' }) })
      .click();
    await expect(page.getByRole('link', { name: en('bulk.open') })).toBeVisible();
    await expect
      .poll(() =>
        site.value('SELECT counts FROM good_job_console.audit_events ORDER BY id DESC LIMIT 1'),
      )
      .toEqual({ done: 1 });
    await site.open(page, `/audit?target=${otherJob}`);
    await expect(recordOf(page, otherJob)).toContainText('privacy request');
    await expect(
      recordOf(page, otherJob).getByRole('link', { name: en('audit.bulkRun') }),
    ).toBeVisible();
    await site.open(page, `/jobs/${id}`);
    await expect(page.locator('main')).toContainText(en('audit.history.none'));
  },
);

async function insertRecords(count: number, columns: string, values: string): Promise<void> {
  await site.db.query(
    `INSERT INTO good_job_console.audit_events
       (created_at, viewer, role, request_id, action, target_type, target_ids, counts,
        details${columns})
     SELECT '2026-03-01T00:00Z'::timestamptz + n * interval '1 hour',
       'user' || n % 3, 'operator', 'request-' || n,
       CASE n % 2 WHEN 0 THEN 'job.retry' ELSE 'job.discard' END,
       'job', ARRAY[gen_random_uuid()],
       CASE n % 4 WHEN 0 THEN '{"locked": 1}'::jsonb ELSE '{"done": 1}' END,
       '{}'${values}
     FROM generate_series(1, ${count}) n`,
  );
}

test('the audit log has filters in the URL, pages, and no rows for an invalid filter', async ({
  page,
  context,
}) => {
  await insertRecords(60, ', reason', `, 'reason ' || n`);
  await site.open(page, '/audit');
  await expect(entries(page)).toHaveCount(25);
  await page.getByRole('link', { name: en('paging.older') }).click();
  await expect(entries(page).first()).toContainText('reason 35');
  await page.getByRole('link', { name: en('paging.newer') }).click();
  await expect(entries(page).first()).toContainText('reason 60');
  await context.addCookies([
    { name: 'gjc_time_zone', value: 'Asia/Tokyo', url: site.server.origin },
  ]);
  await site.open(page, '/audit?limit=50');
  await page.getByText(en('audit.filter.label')).click();
  await page.getByLabel(en('audit.filter.viewer')).fill('user1');
  await page.getByLabel(en('audit.filter.action')).selectOption('job.retry');
  await page.getByLabel(en('audit.filter.outcome')).selectOption('unchanged');
  await page.getByLabel(en('audit.filter.to', { zone: 'Asia/Tokyo' })).fill('2026-03-02T00:00');
  await page.getByRole('button', { name: en('filter.apply') }).click();
  // 2 March in Tokyo begins at 15:00 UTC: of records 4, 16, … of user1 only the first is earlier.
  await expect(page).toHaveURL(/to=2026-03-02T00%3A00%2B09%3A00/);
  await expect(entries(page)).toHaveCount(1);
  await expect(entries(page)).toContainText('reason 4');
  for (const query of [
    'outcome=perhaps',
    'action=job.eat',
    'from=yesterday',
    'limit=101',
    'after_id=x',
    'from=2026-03-02T00:00Z&to=2026-03-01T00:00Z',
  ]) {
    await site.open(page, `/audit?${query}`);
    await expect(page.getByRole('alert').first(), query).toContainText(
      en('filter.notUnderstoodHint'),
    );
    await expect(entries(page)).toHaveCount(0);
    expect((await page.request.get(site.url(`/api/audit/export?${query}`))).status(), query).toBe(
      400,
    );
  }
  await site.open(page, '/audit?request_id=request-7');
  await expect(entries(page)).toHaveCount(1);
});

test('the audit export has all matching records and escapes spreadsheet formulas', async ({
  page,
}) => {
  await insertRecords(
    700,
    ', reason, before',
    `, '=HYPERLINK("http://x")', '{"a": {"n": 12345678901234567890}}'`,
  );
  await site.open(page, '/audit?action=job.retry');
  const [csv, ndjson] = await Promise.all(
    ['CSV', 'NDJSON'].map(async (name) => {
      const href = await page.getByRole('link', { name, exact: true }).getAttribute('href');
      const response = await page.request.get(site.server.origin + href);
      expect(response.headers()['content-disposition']).toMatch(
        /attachment; filename="good-job-audit-/,
      );
      return response.text();
    }),
  );
  const lines = ndjson?.trim().split('\n') ?? [];
  expect(lines).toHaveLength(350);
  expect(lines[0]).toContain('"before":{"a":{"n":12345678901234567890}}');
  expect(csv?.trim().split('\n')).toHaveLength(351);
  expect(csv).toContain(`"'=HYPERLINK(""http://x"")"`);
});

test('polls for new audit records', { tag: '@any-path' }, async ({ page }) => {
  await site.open(page, '/audit');
  await expect(page.locator('main')).toContainText(en('audit.empty'));
  await insertRecords(1, '', '');
  await expect(entries(page)).toHaveCount(1);
});

test('the audit log works in Japanese on a phone without JavaScript', async ({ browser }) => {
  const id = await insertJob(site.db, DISCARDED);
  const context = await browser.newContext({
    javaScriptEnabled: false,
    locale: 'ja',
    viewport: { width: 390, height: 844 },
  });
  const page = await context.newPage();
  await page.goto(site.url(`/jobs/${id}/retry`));
  await page.getByLabel(ja('actions.reason.label')).fill('障害が復旧したため');
  await page.getByRole('button', { name: ja('actions.retry.confirm'), exact: true }).click();
  await expect(page.getByRole('list', { name: ja('audit.history.title') })).toContainText(
    '障害が復旧したため',
  );
  await page.goto(site.url('/audit'));
  await recordOf(page, id).getByText(ja('audit.showDetails')).click();
  await expect(recordOf(page, id).getByRole('table')).toContainText('finished_at');
  await page.getByText(ja('audit.filter.label')).click();
  await page.getByLabel(ja('audit.filter.viewer')).fill('nobody');
  await page.getByRole('button', { name: ja('filter.apply') }).click();
  await expect(page.locator('main')).toContainText(ja('audit.emptyFilter'));
  expect(
    await page.evaluate(() => document.documentElement.scrollWidth).catch(() => 390),
  ).toBeLessThanOrEqual(390);
  await context.close();
});

for (const [locale, t] of [
  ['en', en],
  ['ja', ja],
] as const)
  test(`two clicks lead to what was done yesterday, with the class of each job (${locale})`, async ({
    page,
  }) => {
    const id = await insertJob(site.db, { ...DISCARDED, job_class: 'InvoiceMailerJob' });
    const insertRecord = (viewer: string, hoursAgo: number) =>
      site.db.query(
        `INSERT INTO good_job_console.audit_events (
           created_at, viewer, role, request_id, action, target_type, target_ids, counts, details)
         VALUES (date_trunc('day', now()) - make_interval(hours => $2), $1, 'operator', $1,
                 'job.retry', 'job', ARRAY[$3]::uuid[], '{"done": 1}', '{}')`,
        [viewer, hoursAgo, id],
      );
    await insertRecord('colleague', 3);
    await insertRecord('somebody earlier', 30);
    await page
      .context()
      .addCookies([{ name: 'gjc_locale', value: locale, url: site.server.origin }]);
    await site.open(page, '/jobs');
    await page
      .getByRole('navigation', { name: t('nav.label') })
      .getByRole('link', { name: t('nav.audit') })
      .click();
    await page.getByRole('link', { name: t('audit.days.yesterday') }).click();
    await expect(entries(page)).toHaveCount(1);
    await expect(entries(page)).toContainText('colleague');
    await expect(entries(page)).toContainText('InvoiceMailerJob');
  });
