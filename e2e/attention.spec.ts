import type { Page } from 'playwright/test';
import { GoodJobProcess } from '../test/harness/good-job-process';
import { insertJobs } from '../test/harness/many-rows';
import { DISCARDED, SUCCEEDED, insertBatch, insertJob, readRow } from '../test/harness/rows';
import { findAxeViolations } from './support/axe';
import { en, ja } from './support/messages';
import { startSite, useSite } from './support/site';
import { expect, test } from './support/test';

/* Findings appear, are repaired and disappear, with real locks and process rows. */
const site = useSite('attention');
const ago = (seconds: number) => new Date(Date.now() - seconds * 1000).toISOString();
const finding = (page: Page, kind: string) => page.locator(`[data-finding="${kind}"]`);
const processes: GoodJobProcess[] = [];

async function start(
  options: Parameters<typeof GoodJobProcess.start>[1] = {},
): Promise<GoodJobProcess> {
  const worker = await GoodJobProcess.start(site.databaseUrl, options);
  processes.push(worker);
  return worker;
}

test.beforeEach(async () => {
  await site.db.query(
    `TRUNCATE good_jobs, good_job_executions, good_job_batches, good_job_processes,
        good_job_settings, good_job_console.audit_events`,
  );
  await start();
});
test.afterEach(async () => {
  await Promise.all(processes.splice(0).map((worker) => worker.die().catch(() => undefined)));
});

/**
 * Reloads until the findings are as expected: the server caches those of the previous test for
 * seconds.
 */
async function openUntil(page: Page, path: string, kinds: string[]): Promise<void> {
  await expect(async () => {
    await site.open(page, path);
    await expect(page.locator('[data-finding]')).toHaveCount(kinds.length, { timeout: 500 });
    for (const kind of kinds) await expect(finding(page, kind)).toBeVisible({ timeout: 500 });
  }).toPass({ timeout: 30_000 });
}

test(
  'the attention page without findings shows an empty state and the list of checks',
  { tag: '@any-path' },
  async ({ page }) => {
    await insertJob(site.db, SUCCEEDED);
    for (const [locale, translate] of [
      ['en', en],
      ['ja', ja],
    ] as const) {
      await openUntil(page, `/attention?locale=${locale}`, []);
      await expect(
        page.getByRole('heading', { level: 1, name: translate('attention.title') }),
      ).toBeVisible();
      await expect(page.locator('main')).toContainText(translate('attention.nothing'));
      await expect(page.locator('[data-check]')).toHaveCount(13);
      await expect(page.locator('[data-check="hanging_batches"]')).toContainText(
        translate('attention.kinds.hanging_batches'),
      );
      expect(await findAxeViolations(page)).toEqual([]);
    }
  },
);

test('repairs a batch that never finishes', async ({ page }) => {
  const id = await insertBatch(site.db, { description: 'Nightly', on_finish: 'DoneJob' });
  await insertJob(site.db, { batch_id: id, ...DISCARDED });
  await openUntil(page, '/attention', ['hanging_batches']);
  const section = finding(page, 'hanging_batches');
  await expect(section).toContainText(en('attention.why.hanging_batches'));
  await expect(section.getByRole('link', { name: 'Nightly' })).toHaveAttribute(
    'href',
    new RegExp(`/batches/${id}$`),
  );
  await section
    .locator(`[data-item="${id}"]`)
    .getByRole('link', { name: en('attention.repairs.check_batches.menu') })
    .click();
  const dialog = page.getByRole('dialog');
  await expect(dialog).toContainText(en('attention.repairs.check_batches.effect'));
  await expect(dialog).toContainText(id);
  expect(await findAxeViolations(page)).toEqual([]);
  await dialog.getByRole('button', { name: en('attention.repairs.check_batches.confirm') }).click();
  await expect(page.locator('[data-repaired]')).toContainText(
    en('attention.repairs.check_batches.done', { count: 1, number: '1' }),
  );
  await expect(section).toHaveCount(0);
  await expect(page.locator('main')).toContainText(en('attention.nothing'));
  expect((await readRow(site.db, 'good_job_batches', id)).jobs_finished_at).not.toBeNull();
  expect(await site.value('SELECT job_class FROM good_jobs WHERE batch_callback_id = $1', id)).toBe(
    'DoneJob',
  );
  expect(await site.value('SELECT action FROM good_job_console.audit_events')).toBe('batch.check');
});

test('the page of a stuck batch links to its repair', async ({ page }) => {
  const id = await insertBatch(site.db);
  await insertJob(site.db, { batch_id: id, ...DISCARDED });
  await site.open(page, `/batches/${id}`);
  await page.getByRole('link', { name: en('attention.repairs.check_batches.menu') }).click();
  await page.getByRole('button', { name: en('attention.repairs.check_batches.confirm') }).click();
  await expect(
    page
      .getByRole('status')
      .filter({ hasText: en('attention.repairs.check_batches.done', { count: 1, number: '1' }) }),
  ).toBeVisible();
  expect((await readRow(site.db, 'good_job_batches', id)).finished_at).not.toBeNull();
});

test('releases all jobs of a killed worker at once', { tag: '@any-path' }, async ({ page }) => {
  const worker = await start({ strategy: 'hybrid' });
  const ids = [
    await insertJob(site.db, { job_class: 'LongJob', scheduled_at: ago(90) }),
    await insertJob(site.db, { queue_name: 'mail', scheduled_at: ago(90) }),
  ];
  for (const id of ids) await worker.run(id);
  await openUntil(page, '/attention?locale=ja', []);
  await worker.die();
  const section = finding(page, 'lost_jobs');
  await expect(section, 'the page is live').toBeVisible({ timeout: 20_000 });
  await expect(section).toContainText(ja('attention.units.jobs', { count: 2, number: '2' }));
  await expect(section.getByRole('link', { name: 'LongJob' })).toHaveAttribute(
    'href',
    new RegExp(`/jobs/${ids[0]}$`),
  );
  await section.getByRole('link', { name: ja('attention.repairs.release_jobs.allMenu') }).click();
  await page
    .getByRole('dialog')
    .getByRole('button', { name: ja('attention.repairs.release_jobs.confirm') })
    .click();
  await expect(page.locator('[data-repaired]')).toContainText(
    ja('attention.repairs.release_jobs.done', { count: 2, number: '2' }),
  );
  await expect(section).toHaveCount(0);
  for (const id of ids) expect((await readRow(site.db, 'good_jobs', id)).locked_by_id).toBeNull();
});

test(
  'skips a job that another worker has locked in the meantime',
  { tag: '@any-path' },
  async ({ page }) => {
    const deadWorker = await start();
    const replacement = await start();
    const id = await insertJob(site.db, { scheduled_at: ago(90) });
    await deadWorker.run(id);
    await deadWorker.die();
    await openUntil(page, '/attention', ['lost_jobs']);
    await finding(page, 'lost_jobs')
      .getByRole('link', { name: en('attention.repairs.release_jobs.allMenu') })
      .click();
    // The action of the row sends the id that the operator saw.
    await page.getByRole('button', { name: en('actions.cancel') }).click();
    await finding(page, 'lost_jobs')
      .locator(`[data-item="${id}"]`)
      .getByRole('link', { name: en('attention.repairs.release_jobs.menu') })
      .click();
    await replacement.run(id);
    await page
      .getByRole('dialog')
      .getByRole('button', { name: en('attention.repairs.release_jobs.confirm') })
      .click();
    await expect(page.locator('[data-repaired]')).toContainText(
      en('attention.notDone.locked', { count: 1, number: '1' }),
    );
    expect((await readRow(site.db, 'good_jobs', id)).locked_by_id).toBe(replacement.id);
  },
);

test(
  'finds paused jobs, unserved queues, late jobs, failing classes and discarded callbacks',
  { tag: '@any-path' },
  async ({ page }) => {
    await processes[0]?.die();
    await start({ queues: ['-mail'] });
    await insertJob(site.db, { queue_name: 'mail', scheduled_at: ago(120) });
    await insertJob(site.db, { queue_name: 'held', scheduled_at: ago(120) });
    await insertJob(site.db, { queue_name: 'slow', scheduled_at: ago(1_200) });
    // The check ignores databases without any succeeded job: they may not preserve them.
    await insertJob(site.db, { ...SUCCEEDED, job_class: 'WellJob', finished_at: ago(7_200) });
    await insertJobs(site.db, 6, { job_class: `'BadJob'`, batch_callback_id: 'gen_random_uuid()' });
    await site.db.query(
      `INSERT INTO good_job_settings (created_at, updated_at, key, value)
        VALUES (now(), now(), 'pauses', '{"queues": ["held"], "job_classes": [], "labels": []}')`,
    );
    await openUntil(page, '/attention', [
      'unserved_queues',
      'late_jobs',
      'failing_classes',
      'discarded_callbacks',
      'paused_jobs',
    ]);
    await expect(
      finding(page, 'unserved_queues').getByRole('link', {
        name: `${en('attention.queuedJobs')} mail`,
      }),
    ).toHaveAttribute('href', /state=queued&queue_name=mail/);
    await expect(finding(page, 'late_jobs')).toContainText(
      en('attention.why.late_jobs', { minutes: 15 }),
    );
    await expect(
      finding(page, 'failing_classes').getByRole('link', {
        name: `${en('attention.actOnThem')} BadJob`,
      }),
    ).toHaveAttribute('href', /state=discarded&job_class=BadJob&q=finished/);
    expect(await findAxeViolations(page)).toEqual([]);
    await finding(page, 'paused_jobs')
      .getByRole('link', { name: en('attention.repairs.unpause.menu') })
      .click();
    await page
      .getByRole('dialog')
      .getByRole('button', { name: en('attention.repairs.unpause.confirm') })
      .click();
    await expect(finding(page, 'paused_jobs')).toHaveCount(0);
    expect(await site.value(`SELECT (value -> 'queues')::text FROM good_job_settings`)).toBe('[]');
  },
);

test(
  'answers 404 for a malformed repair target',
  { tag: '@any-path' },
  async ({ page, problems }) => {
    problems.allowStatus(404);
    for (const query of [
      '',
      '?repair=bogus',
      '?repair=check_batches&id=bogus',
      '?repair=unpause&by=queue',
    ])
      expect((await site.open(page, `/attention/repair${query}`)).status(), query).toBe(404);
  },
);

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false, locale: 'ja' });
  test('repairs a batch through the confirmation page without JavaScript', async ({ page }) => {
    const id = await insertBatch(site.db, { description: '月次締め' });
    await expect(async () => {
      await page.goto(site.url('/attention'));
      await expect(finding(page, 'hanging_batches')).toContainText('月次締め', { timeout: 500 });
    }).toPass({ timeout: 30_000 });
    await finding(page, 'hanging_batches')
      .getByRole('link', { name: ja('attention.repairs.check_batches.allMenu') })
      .click();
    await expect(page.locator('main')).toContainText(ja('attention.repairs.check_batches.effect'));
    await page.getByRole('button', { name: ja('attention.repairs.check_batches.confirm') }).click();
    await expect(page.getByRole('status')).toContainText(
      ja('attention.repairs.check_batches.done', { count: 1, number: '1' }),
    );
    await expect(finding(page, 'hanging_batches')).toHaveCount(0);
    expect((await readRow(site.db, 'good_job_batches', id)).finished_at).not.toBeNull();
  });
});

test(
  'disables the repair in read-only mode and says why',
  { tag: '@any-path' },
  async ({ page, basePath }) => {
    let id = '';
    const readOnly = await startSite('attention read only', basePath, {
      env: { READ_ONLY: '1' },
      seed: async (db) => {
        id = await insertBatch(db);
      },
    });
    try {
      await readOnly.open(page, '/attention');
      const repairButton = finding(page, 'hanging_batches').getByRole('button', {
        name: en('attention.repairs.check_batches.allMenu'),
      });
      await expect(repairButton).toHaveAttribute('aria-disabled', 'true');
      await expect(repairButton).toHaveAttribute('title', en('actions.why.read_only'));
      await readOnly.open(page, `/attention/repair?repair=check_batches&id=${id}`);
      await expect(
        page.getByRole('button', { name: en('attention.repairs.check_batches.confirm') }),
      ).toBeDisabled();
    } finally {
      await readOnly.stop();
    }
  },
);
