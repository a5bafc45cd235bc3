import { writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type pg from 'pg';
import type { Locator, Page } from 'playwright/test';
import { DISCARDED, SUCCEEDED, insertJob, insertProcess } from '../test/harness/rows';
import { startConsole } from './support/console-server';
import { en } from './support/messages';
import { useSite } from './support/site';
import { expect, httpTest, test } from './support/test';

const HOUR = 3_600_000;
const ODD = '日本/50% & "x"';
const FILE = path.join(os.tmpdir(), `cron-${process.pid}.yml`);
writeFileSync(
  FILE,
  `
nightly_report:
  cron: 0 3 * * * Asia/Tokyo
  class: ReportJob
  args: [{ format: pdf }]
  set: { queue: reports, priority: -10 }
  description: 夜間レポート（毎日3時）
every_minute: { cron: "*/5 * * * * *", class: ExampleJob }
seldom:
  cron: every monday at 9am
  class: "ExampleJob::BatchJob"
  enabled_by_default: false
  description: Not enabled by default
odd: { cron: at 5 after 4, class: OddJob }
broken: { cron: "@daily", class: BrokenJob, set: 5 }
`,
);

const at = (ms: number) => new Date(ms).toISOString();
async function seed(db: pg.Client): Promise<void> {
  const hour = Math.floor(Date.now() / HOUR) * HOUR;
  for (let n = 1; n <= 32; n += 1)
    await insertJob(db, {
      ...(n % 4 === 0 ? DISCARDED : SUCCEEDED),
      job_class: 'ReportJob',
      cron_key: 'nightly_report',
      cron_at: at(hour - n * 24 * HOUR),
      finished_at: at(hour - n * 24 * HOUR),
    });
  await insertJob(db, {
    ...SUCCEEDED,
    job_class: 'OldJob',
    cron_key: ODD,
    cron_at: at(hour),
    labels: ['kept'],
  });
  await insertProcess(db, {
    state: JSON.stringify({ cron_enabled: true, preserve_job_records: true }),
    created_at: at(Date.now() - 24 * HOUR),
    updated_at: at(Date.now() + HOUR),
  });
}

const site = useSite('cron', { seed, env: { CRON_FILE: FILE } });
const row = (page: Page, key: string): Locator =>
  page
    .locator('[data-cron-key]')
    .filter({ has: page.getByRole('link', { name: key, exact: true }) });
const setting = (key: string) =>
  site.value<string[] | undefined>('SELECT value FROM good_job_settings WHERE key = $1', key);
async function openActionDialog(
  page: Page,
  key: string,
  action: 'enqueue' | 'enable' | 'disable',
): Promise<Locator> {
  await page.getByRole('button', { name: en('cron.menu', { key }) }).click();
  await page.getByRole('menuitem', { name: en(`cron.${action}.menu`) }).click();
  return page.getByRole('dialog', { name: en(`cron.${action}.title`) });
}

test('each cron entry shows its class, schedule, runs and state', async ({ page }) => {
  await site.open(page, '/cron_entries');
  const report = row(page, 'nightly_report');
  for (const text of [
    '夜間レポート（毎日3時）',
    'ReportJob',
    '0 3 * * * Asia/Tokyo',
    'every day at 03:00',
    en('cron.enabled'),
    en('cron.failed', { failed: '7', total: '30' }),
  ])
    await expect(report).toContainText(text);
  await expect(report.getByRole('img')).toHaveAccessibleName(
    /Last 30 runs: 23 Succeeded, 7 Discarded/,
  );
  // None of its jobs ran at 03:00 in Tokyo.
  await expect(report).toContainText(en('cron.overdue'));
  await expect(row(page, 'every_minute')).toContainText('every 5 seconds');
  await expect(row(page, 'seldom')).toContainText('every Monday at 09:00');
  await expect(row(page, 'seldom')).toContainText(en('cron.onceEnabled'));
  await expect(row(page, 'seldom')).toContainText(en('cron.disabled'));
  await expect(row(page, 'odd')).toContainText(en('cron.unreadable.unknown'));
  await expect(row(page, 'broken')).toContainText(en('cron.problems.bad_set'));
  await expect(row(page, ODD)).toContainText(en('cron.notInFile'));
  await expect(row(page, ODD)).toContainText('OldJob');
  await expect(row(page, ODD).getByText(en('cron.absent'), { exact: true })).toBeVisible();
  await expect(row(page, ODD).getByText(en('cron.enabled'), { exact: true })).toBeHidden();
  await expect(page.getByText(en('cron.totalNotInFile', { count: '1' }))).toBeVisible();
  await expect(page.getByText(en('cron.totals', { enabled: '4', disabled: '1' }))).toBeVisible();
});

test('confirms, applies and records disabling and enabling a cron key', async ({ page }) => {
  await site.open(page, '/cron_entries');
  await (
    await openActionDialog(page, 'every_minute', 'disable')
  )
    .getByRole('button', { name: en('cron.disable.confirm') })
    .click();
  await expect(row(page, 'every_minute')).toContainText(en('cron.disable.done'));
  await expect(
    row(page, 'every_minute').getByText(en('cron.disabled'), { exact: true }),
  ).toBeVisible();
  expect(await setting('cron_keys_disabled')).toEqual(['every_minute']);
  await (
    await openActionDialog(page, 'every_minute', 'enable')
  )
    .getByRole('button', { name: en('cron.enable.confirm') })
    .click();
  await expect(row(page, 'every_minute')).toContainText(en('cron.enable.done'));
  expect([await setting('cron_keys_disabled'), await setting('cron_keys_enabled')]).toEqual([
    [],
    ['every_minute'],
  ]);
  const { rows } = await site.db.query<Record<string, string>>(
    `SELECT action, target_type, target_name FROM good_job_console.audit_events ORDER BY id`,
  );
  expect(rows).toEqual(
    ['cron.disable', 'cron.enable'].map((action) => ({
      action,
      target_type: 'cron_key',
      target_name: 'every_minute',
    })),
  );
});

test('polls the list of cron entries', { tag: '@any-path' }, async ({ page }) => {
  await site.open(page, '/cron_entries');
  await expect(row(page, 'every_minute')).toContainText(en('cron.noRuns'));
  await insertJob(site.db, { ...DISCARDED, cron_key: 'every_minute', cron_at: at(Date.now()) });
  await expect(row(page, 'every_minute').getByRole('img')).toHaveAccessibleName(/1 Discarded/, {
    timeout: 15_000,
  });
});

test('enqueues one job of a cron entry as configured in CRON_FILE', async ({ page }) => {
  await site.open(page, '/cron_entries/nightly_report');
  await page.getByRole('link', { name: en('cron.enqueue.menu') }).click();
  const dialog = page.getByRole('dialog', { name: en('cron.enqueue.title') });
  await expect(dialog).toContainText(en('cron.fromFile'));
  await dialog.getByRole('button', { name: en('cron.enqueue.confirm') }).click();
  await expect(page.getByText(en('cron.enqueue.done'))).toBeVisible();
  const { rows } = await site.db.query<Record<string, unknown>>(
    `SELECT queue_name, priority, serialized_params -> 'arguments' AS arguments,
        cron_at IS NOT NULL AS timed
      FROM good_jobs
      WHERE cron_key = 'nightly_report' AND finished_at IS NULL`,
  );
  expect(rows).toEqual([
    {
      queue_name: 'reports',
      priority: -10,
      arguments: [{ format: 'pdf', _aj_symbol_keys: ['format'] }],
      timed: true,
    },
  ]);
});

test('the page of a cron entry shows properties, the next five runs and jobs by state', async ({
  page,
}) => {
  await site.open(page, '/cron_entries');
  await page.getByRole('link', { name: 'nightly_report', exact: true }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'nightly_report' })).toBeVisible();
  await expect(
    page.getByRole('list', { name: en('cron.nextRuns') }).getByRole('listitem'),
  ).toHaveCount(5);
  await expect(page.getByRole('list', { name: en('cron.nextRuns') })).toContainText('18:00:00 UTC');
  await expect(page.locator('pre').first()).toContainText('"cron": "0 3 * * * Asia/Tokyo"');
  await expect(page.locator('pre').first()).not.toContainText('null');
  await page
    .getByRole('navigation', { name: en('jobs.tabs') })
    .getByRole('link', { name: en('states.discarded') })
    .click();
  await page.waitForURL(/cron_entries\/nightly_report\?state=discarded/);
  await expect(page.locator('[data-job]')).toHaveCount(8);
  await expect(page.getByText(en('cron.notInFile'))).toBeHidden();
});

test('opens a cron key with special characters and copies its last job', async ({ page }) => {
  await site.open(page, '/cron_entries');
  await page.getByRole('link', { name: ODD, exact: true }).click();
  await expect(page.getByRole('heading', { level: 1, name: ODD })).toBeVisible();
  await page.getByRole('link', { name: en('cron.enqueue.menu') }).click();
  await expect(page.getByRole('dialog')).toContainText(en('cron.fromLastJob'));
  await page
    .getByRole('dialog')
    .getByRole('button', { name: en('cron.enqueue.confirm') })
    .click();
  await expect(page.getByText(en('cron.enqueue.done'))).toBeVisible();
  expect(
    await site.value(
      'SELECT labels FROM good_jobs WHERE cron_key = $1 AND finished_at IS NULL',
      ODD,
    ),
  ).toEqual(['kept']);
});

test(
  'says why a cron entry cannot be enqueued and answers 404 for an unknown key',
  { tag: '@any-path' },
  async ({ page, problems }) => {
    await site.open(page, '/cron_entries/broken');
    await expect(page.getByText(en('cron.refused.entry_invalid'))).toBeVisible();
    await expect(page.getByRole('link', { name: en('cron.enqueue.menu') })).toHaveAttribute(
      'aria-disabled',
      'true',
    );
    problems.allowStatus(404);
    expect((await page.goto(site.url('/cron_entries/nowhere')))?.status()).toBe(404);
  },
);

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false });

  test('enables a cron key through the confirmation page without JavaScript', async ({ page }) => {
    await page.goto(site.url('/cron_entries'));
    await page.getByRole('button', { name: en('cron.menu', { key: 'seldom' }) }).click();
    await page.getByRole('link', { name: en('cron.enable.menu') }).click();
    await page.getByRole('button', { name: en('cron.enable.confirm') }).click();
    await expect(page.getByText(en('cron.enable.done'))).toBeVisible();
    expect(await setting('cron_keys_enabled')).toContain('seldom');
  });
});

httpTest('an invalid CRON_FILE ends the start with one sentence', async () => {
  const invalidFile = path.join(os.tmpdir(), `cron-bad-${process.pid}.yml`);
  writeFileSync(invalidFile, '[1, 2]');
  for (const [file, sentence] of [
    [invalidFile, 'must hold a mapping'],
    ['/nowhere/cron.yml', 'cannot be read'],
  ] as const)
    await expect(
      startConsole({ databaseUrl: site.databaseUrl, env: { CRON_FILE: file } }),
    ).rejects.toThrow(new RegExp(`CRON_FILE ${file} ${sentence}`));
});
