import type { Locator, Page } from 'playwright/test';
import { insertJobs } from '../test/harness/many-rows';
import { DISCARDED, insertBatch, insertJob, row } from '../test/harness/rows';
import { rowOf } from './support/acting';
import { violations } from './support/axe';
import { en, ja } from './support/messages';
import { useSite } from './support/site';
import { expect, test } from './support/test';
import { holdJob } from './support/worker';

const site = useSite('bulk');

test.beforeEach(() => site.db.query('DELETE FROM good_jobs; DELETE FROM good_job_batches'));

const bar = (page: Page): Locator => page.getByRole('region', { name: en('bulk.bar') });
const open = (where = 'true') =>
  site.value<number>(`SELECT count(*)::int FROM good_jobs WHERE finished_at IS NULL AND ${where}`);
const dialogOf = (
  page: Page,
  action: 'retry' | 'discard' | 'destroy' | 'reschedule' | 'batch_retry',
) => page.getByRole('dialog', { name: en(`bulk.titles.${action}`) });
const outcome = (page: Page, name: string) => page.locator(`[data-outcome="${name}"]`);

test('everything that matches is retried: preview, a typed number, progress, and a result with links', async ({
  page,
}) => {
  await insertJobs(site.db, 1_200);
  const broken = await insertJob(site.db, { ...DISCARDED, serialized_params: '[]' });
  const held = await insertJob(site.db, DISCARDED);
  const other = await insertJob(site.db, { ...DISCARDED, queue_name: 'other' });
  const letGo = await holdJob(site, held);
  await site.open(page, '/jobs?state=discarded&queue_name=default');
  await bar(page)
    .getByRole('button', { name: en('actions.retry.menu') })
    .click();
  const dialog = dialogOf(page, 'retry');
  await expect(dialog).toContainText(en('bulk.takesUp', { count: 1_202, number: '1,202' }));
  await expect(dialog).toContainText(en('bulk.skips.unreadable', { count: 1, number: '1' }));
  await expect(dialog).toContainText(`${en('search.fields.queue')} default`);
  await expect(dialog).toContainText(en('bulk.effects.retry'));
  // What fails after the preview is not its business.
  const late = await insertJob(site.db, DISCARDED);
  const confirm = dialog.getByRole('button', {
    name: en('bulk.confirms.retry', { count: 1_202, number: '1,202' }),
  });
  await dialog.locator('input[name="confirmed_count"]').fill('1,000');
  await confirm.click();
  await expect(dialog.getByRole('alert')).toHaveText(en('bulk.wrongNumber'));
  expect(await open()).toBe(0);
  await dialog.locator('input[name="confirmed_count"]').fill('1,202');
  await confirm.click();
  await expect(dialog).toHaveCount(0);
  await expect(bar(page)).toContainText(en('bulk.states.finished'), { timeout: 20_000 });
  await expect(outcome(page, 'done')).toContainText('1,200');
  await bar(page)
    .getByRole('link', { name: en('bulk.open') })
    .click();
  await expect(page.getByRole('heading', { name: en('bulk.names.retry') })).toBeVisible();
  await letGo();
  await expect(
    page.locator('[data-samples="locked"]').getByRole('link', { name: held }),
  ).toBeVisible();
  await expect(page.locator('[data-samples="refused"]')).toContainText(
    en('outcomes.refused.params_not_an_object'),
  );
  await expect(page.getByRole('link', { name: en('bulk.showThem') })).toHaveAttribute(
    'href',
    /state=discarded&queue_name=default/,
  );
  expect(await open()).toBe(1_200);
  for (const id of [late, other, broken, held])
    expect((await row(site.db, 'good_jobs', id)).finished_at, id).not.toBeNull();
  await page
    .getByRole('link', { name: en('bulk.title'), exact: true })
    .first()
    .click();
  await expect(
    page
      .getByRole('list', { name: en('bulk.title') })
      .getByRole('listitem')
      .first(),
  ).toContainText(en('bulk.names.retry'));
});

test('the selected rows', async ({ page }) => {
  const [first, second, third] = [
    await insertJob(site.db),
    await insertJob(site.db),
    await insertJob(site.db),
  ];
  await site.open(page, '/jobs');
  // That everything is meant was chosen for those rows; the next that are selected are meant alone.
  await rowOf(page, second).getByRole('checkbox').check();
  await bar(page)
    .getByRole('combobox', { name: en('bulk.scope') })
    .selectOption('everything');
  await rowOf(page, second).getByRole('checkbox').uncheck();
  for (const id of [first, third]) await rowOf(page, id).getByRole('checkbox').check();
  await expect(bar(page).getByRole('combobox', { name: en('bulk.scope') })).toHaveValue('selected');
  await bar(page)
    .getByRole('button', { name: en('actions.discard.menu') })
    .click();
  const dialog = dialogOf(page, 'discard');
  await expect(dialog).toContainText(en('bulk.selectedJobs', { count: 2, number: '2' }));
  await dialog
    .getByRole('button', { name: en('bulk.confirms.discard', { count: 2, number: '2' }) })
    .click();
  await expect(outcome(page, 'done')).toContainText('2');
  for (const [id, done] of [
    [first, true],
    [second, false],
    [third, true],
  ] as const)
    expect((await row(site.db, 'good_jobs', id)).finished_at !== null).toBe(done);
});

test(
  'reschedule to a time; the dialog is worked by keyboard and gives the focus back',
  { tag: '@any-path' },
  async ({ page }) => {
    await insertJobs(site.db, 3, {
      performed_at: 'NULL',
      finished_at: 'NULL',
      error: 'NULL',
      error_event: 'NULL',
    });
    await site.open(page, '/jobs?state=queued');
    const button = bar(page).getByRole('button', { name: en('actions.reschedule.menu') });
    await button.focus();
    await page.keyboard.press('Enter');
    const dialog = dialogOf(page, 'reschedule');
    await expect(dialog.getByRole('button', { name: en('actions.cancel') })).toBeFocused();
    await page.keyboard.press('Escape');
    await expect(button).toBeFocused();
    await page.keyboard.press('Enter');
    await dialog.getByLabel(en('actions.reschedule.at'), { exact: true }).check();
    await dialog
      .getByLabel(en('actions.reschedule.time', { zone: 'UTC' }))
      .fill('2031-05-06T07:08');
    await dialog
      .getByRole('button', { name: en('bulk.confirms.reschedule', { count: 3, number: '3' }) })
      .click();
    await expect(outcome(page, 'done')).toContainText('3');
    expect(
      await site.value<number>(
        `SELECT count(*)::int FROM good_jobs WHERE scheduled_at = '2031-05-06 07:08'`,
      ),
    ).toBe(3);
  },
);

test('a filter that is not understood starts nothing, and nothing to do is said', async ({
  page,
}) => {
  await insertJob(site.db);
  await site.open(page, '/jobs?state=queued');
  await bar(page)
    .getByRole('button', { name: en('actions.retry.menu') })
    .click();
  await expect(dialogOf(page, 'retry')).toContainText(en('bulk.nothing.retry'));
  await expect(
    dialogOf(page, 'retry').getByRole('button', {
      name: en('bulk.confirms.retry', { count: 0, number: '0' }),
    }),
  ).toBeDisabled();
  await site.open(page, '/jobs?state=queued&q=nonsense:1');
  await expect(page.getByRole('button', { name: en('actions.retry.menu') })).toHaveCount(0);
});

test('pause, resume and cancel, from the run’s page', async ({ page }) => {
  await insertJobs(site.db, 3_000);
  // Slow enough to be met on the way.
  await site.db.query(
    `CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.006); RETURN NEW; END $$; CREATE TRIGGER slow BEFORE UPDATE ON good_jobs FOR EACH ROW EXECUTE FUNCTION slow()`,
  );
  try {
    await site.open(page, '/jobs?state=discarded');
    await bar(page)
      .getByRole('button', { name: en('actions.retry.menu') })
      .click();
    await dialogOf(page, 'retry').locator('input[name="confirmed_count"]').fill('3000');
    await dialogOf(page, 'retry')
      .getByRole('button', { name: en('bulk.confirms.retry', { count: 3_000, number: '3,000' }) })
      .click();
    await bar(page)
      .getByRole('link', { name: en('bulk.open') })
      .click();
    await page.getByRole('button', { name: en('bulk.controls.pause') }).click();
    await expect(page.locator('main')).toContainText(en('bulk.pausedBy', { viewer: 'local' }));
    await page.getByRole('button', { name: en('bulk.controls.resume') }).click();
    await expect(page.getByRole('button', { name: en('bulk.controls.pause') })).toBeVisible();
    await page.getByRole('button', { name: en('bulk.controls.cancel') }).click();
    await expect(page.locator('main')).toContainText(en('bulk.states.cancelled'));
    expect(await open()).toBeLessThan(3_000);
  } finally {
    await site.db.query('DROP TRIGGER slow ON good_jobs; DROP FUNCTION slow');
  }
});

test('a large batch is retried by a run, which the batch’s page shows', async ({ page }) => {
  const at = '2026-11-20T10:00:00Z';
  const batch = await insertBatch(site.db, {
    description: 'Large import',
    discarded_at: at,
    jobs_finished_at: at,
    finished_at: at,
  });
  await insertJobs(site.db, 600, { batch_id: `'${batch}'` });
  await site.open(page, `/batches/${batch}`);
  await page.getByRole('link', { name: en('actions.batch_retry.menu') }).click();
  await page
    .getByRole('dialog')
    .getByRole('button', { name: en('actions.batch_retry.confirm') })
    .click();
  const dialog = dialogOf(page, 'batch_retry');
  await expect(dialog).toContainText('Large import');
  await dialog
    .getByRole('button', { name: en('bulk.confirms.batch_retry', { count: 600, number: '600' }) })
    .click();
  await expect(outcome(page, 'done')).toContainText('600');
  expect(await row(site.db, 'good_job_batches', batch)).toMatchObject({
    discarded_at: null,
    finished_at: null,
  });
});

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false });

  test('a run is read and controlled, a large batch retried', async ({ page }) => {
    const at = '2026-11-20T10:00:00Z';
    const batch = await insertBatch(site.db, {
      discarded_at: at,
      jobs_finished_at: at,
      finished_at: at,
    });
    await insertJobs(site.db, 1_100, { batch_id: `'${batch}'` });
    await page.goto(site.url(`/batches/${batch}/retry`));
    await page.locator('input[name="confirmed_count"]').fill('１１００');
    await page.getByRole('button', { name: en('actions.batch_retry.confirm') }).click();
    await expect(page.getByRole('heading', { name: en('bulk.names.batch_retry') })).toBeVisible();
    await expect.poll(() => open(`batch_id = '${batch}'`), { timeout: 30_000 }).toBe(1_100);
    const id = page.url().split('/').at(-1);
    await expect
      .poll(() =>
        site.value<string>(`SELECT state FROM good_job_console.bulk_runs WHERE id = '${id}'`),
      )
      .toBe('finished');
    // As a server leaves it that has died.
    await site.db.query(
      `UPDATE good_job_console.bulk_runs SET state = 'running', finished_at = NULL WHERE id = $1`,
      [id],
    );
    await page.reload();
    await expect(page.locator('main')).toContainText(en('bulk.interruptedHint'));
    await page.getByRole('button', { name: en('bulk.controls.resume') }).click();
    await expect
      .poll(async () => (await page.reload(), page.locator('main').innerText()), {
        timeout: 30_000,
      })
      .toContain(en('bulk.states.finished'));
    await page.goto(site.url('/bulk'));
    await expect(
      page.getByRole('link', { name: en('bulk.names.batch_retry') }).first(),
    ).toBeVisible();
  });
});

test(
  'accessible in both languages and themes, and on a phone',
  { tag: '@any-path' },
  async ({ page }) => {
    test.slow();
    await page.setViewportSize({ width: 390, height: 800 });
    for (const [locale, t] of [
      ['en', en],
      ['ja', ja],
    ] as const) {
      await insertJobs(site.db, 1_100);
      await site.open(page, `/jobs?state=discarded&locale=${locale}`);
      await page
        .getByRole('region', { name: t('bulk.bar') })
        .getByRole('button', { name: t('actions.retry.menu') })
        .click();
      await expect(page.getByRole('dialog').locator('input[name="confirmed_count"]')).toBeVisible();
      expect(await violations(page)).toEqual([]);
      await page.getByRole('dialog').locator('input[name="confirmed_count"]').fill('1100');
      await page.getByRole('dialog').locator('button[type="submit"]').click();
      await expect.poll(() => open()).toBe(1_100 * (locale === 'en' ? 1 : 2));
      for (const path of [
        '/bulk',
        `/bulk/${await site.value<string>('SELECT id FROM good_job_console.bulk_runs ORDER BY created_at LIMIT 1')}`,
      ]) {
        await site.open(page, `${path}?locale=${locale}`);
        expect(await violations(page), path).toEqual([]);
        expect(
          await page.evaluate(() => document.documentElement.scrollWidth),
          path,
        ).toBeLessThanOrEqual(390);
      }
    }
  },
);
