import type { Locator, Page } from 'playwright/test';
import { SUCCEEDED, insertJob } from '../test/harness/rows';
import { en, ja } from './support/messages';
import { useSite } from './support/site';
import { expect, test } from './support/test';

const LABEL = '重要: "x" & 50%';
const site = useSite('pauses', {
  seed: async (db) => {
    await insertJob(db, { queue_name: 'mailers', job_class: 'MailJob' });
    await insertJob(db, { queue_name: 'mailers', job_class: 'MailJob', labels: [LABEL] });
    await insertJob(db, { queue_name: 'mailers', ...SUCCEEDED });
    for (const job_class of ['DailyReport', 'WeeklyReport'])
      await insertJob(db, { queue_name: 'reports', job_class });
  },
});
const pauses = () =>
  site.value<Record<string, string[]>>(`SELECT value FROM good_job_settings WHERE key = 'pauses'`);
const pauseRow = (page: Page, kind: string, name: string): Locator =>
  page.locator(`[data-pause=${JSON.stringify(`${kind} ${name}`)}]`);

const unpauseName = (name: string) => `${en('pauses.unpause.menu')} ${name}`;

async function addPause(
  page: Page,
  kind: 'queue' | 'job_class' | 'label',
  name: string,
): Promise<void> {
  if (!page.url().includes('/pauses')) await site.open(page, '/pauses');
  const form = page.getByRole('form', { name: en('pauses.add') });
  await form.getByLabel(en('pauses.kind')).selectOption({ label: en(`pauses.kinds.${kind}`) });
  await form.getByLabel(en('pauses.name')).fill(name);
  await form.getByRole('button', { name: en('pauses.pause.menu') }).click();
  await page
    .getByRole('dialog', { name: en(`pauses.pause.title.${kind}`) })
    .getByRole('button', { name: en('pauses.pause.confirm') })
    .click();
  await expect(page.getByText(en('pauses.pause.done', { name }))).toBeVisible();
}

test('pauses queues, classes and labels, lists their waiting jobs, and resumes one', async ({
  page,
}) => {
  await site.open(page, '/pauses');
  await expect(page.getByText(en('pauses.empty'))).toBeVisible();
  await expect(page.getByText('config.good_job.enable_pauses = true')).toBeVisible();
  await addPause(page, 'queue', 'mailers');
  await addPause(page, 'job_class', 'MailJob');
  await addPause(page, 'label', LABEL);
  expect(await pauses()).toEqual({
    queues: ['mailers'],
    job_classes: ['MailJob'],
    labels: [LABEL],
  });
  await expect(pauseRow(page, 'queue', 'mailers')).toContainText('2 jobs waiting');
  await expect(page.getByRole('region', { name: en('pauses.kinds.label') })).toContainText(
    '1 job waiting',
  );

  await page.getByRole('button', { name: unpauseName(LABEL) }).click();
  await page
    .getByRole('dialog', { name: en('pauses.unpause.title.label') })
    .getByRole('button', { name: en('pauses.unpause.confirm') })
    .click();
  await expect(page.getByText(en('pauses.unpause.done', { name: LABEL }))).toBeVisible();
  await expect(page.getByRole('region', { name: en('pauses.kinds.label') })).toBeHidden();
  expect((await pauses()).labels).toEqual([]);
  const { rows } = await site.db.query<Record<string, string>>(
    'SELECT action, target_type, target_name FROM good_job_console.audit_events ORDER BY id',
  );
  expect(rows).toEqual([
    { action: 'pause.pause', target_type: 'queue', target_name: 'mailers' },
    { action: 'pause.pause', target_type: 'job_class', target_name: 'MailJob' },
    { action: 'pause.pause', target_type: 'label', target_name: LABEL },
    { action: 'pause.unpause', target_type: 'label', target_name: LABEL },
  ]);
});

test('the waiting count of a pause links to its jobs', async ({ page }) => {
  await site.open(page, '/pauses');
  await pauseRow(page, 'queue', 'mailers').getByRole('link', { name: '2 jobs waiting' }).click();
  await page.waitForURL(/\/jobs\?queue_name=mailers/);
  await expect(page.locator('[data-job]')).toHaveCount(2);
});

test('the pause form suggests names from the database', async ({ page }) => {
  await site.open(page, '/pauses');
  await page
    .getByRole('form', { name: en('pauses.add') })
    .getByLabel(en('pauses.name'))
    .fill('mai');
  await expect(page.locator('datalist option')).toHaveAttribute('value', 'mailers');
});

test(
  'polls the list of pauses and reports an existing pause as unchanged',
  { tag: '@any-path' },
  async ({ page }) => {
    await site.open(page, '/pauses');
    await site.db.query(
      `UPDATE good_job_settings
        SET value = '{"queues": ["mailers", "other"]}'
        WHERE key = 'pauses'`,
    );
    await expect(pauseRow(page, 'queue', 'other')).toBeVisible({ timeout: 15_000 });
    const form = page.getByRole('form', { name: en('pauses.add') });
    await form.getByLabel(en('pauses.name')).fill('other');
    await form.getByRole('button', { name: en('pauses.pause.menu') }).click();
    await page
      .getByRole('dialog')
      .getByRole('button', { name: en('pauses.pause.confirm') })
      .click();
    await expect(page.getByText(en('pauses.pause.unchanged', { name: 'other' }))).toBeVisible();
  },
);

test('names who paused a queue, why, and when it unpauses automatically', async ({ page }) => {
  await site.open(page, '/pauses');
  const form = page.getByRole('form', { name: en('pauses.add') });
  await form.getByLabel(en('pauses.name')).fill('reports');
  await form.getByRole('button', { name: en('pauses.pause.menu') }).click();
  const dialog = page.getByRole('dialog');
  await expect(dialog.locator('[data-affects=waiting]')).toContainText('2');
  await expect(dialog.locator('[data-affects=running]')).toContainText('0');
  await dialog.getByRole('radio', { name: /^In 30 minutes/ }).check();
  await dialog.getByRole('textbox').fill('the mail server is down');
  await dialog.getByRole('button', { name: en('pauses.pause.confirm') }).click();
  const row = pauseRow(page, 'queue', 'reports');
  await expect(row).toContainText('Paused by local');
  await expect(row).toContainText('the mail server is down');
  await expect(row.locator('[data-pause-end]')).toBeVisible();
  const minutes = await site.value<number>(
    `SELECT round(extract(epoch FROM ends_at - clock_timestamp()) / 60)::int
       FROM good_job_console.pause_ends`,
  );
  expect(minutes).toBe(30);
});

test('the server unpauses when the end has come', async ({ page }) => {
  await addPause(page, 'label', 'timed');
  await site.db.query(
    `INSERT INTO good_job_console.pause_ends (kind, name, ends_at, setting_version, viewer)
     SELECT 'label', 'timed', clock_timestamp() + interval '1 second',
            to_char(s.updated_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'), 'anna'
       FROM good_job_settings s
      WHERE s.key = 'pauses'`,
  );
  await expect(pauseRow(page, 'label', 'timed')).toBeHidden({ timeout: 30_000 });
  await site.open(page, '/audit?target=timed');
  await expect(page.locator('[data-audit]').first()).toContainText(
    en('audit.actions.pause.expire'),
  );
});

test('undoes a pause from its toast, and records the undo', async ({ page }) => {
  await addPause(page, 'label', 'mistake');
  await page
    .locator('[data-toast]')
    .getByRole('button', { name: en('pauses.undo.menu') })
    .click();
  await expect(page.getByText(en('pauses.undo.done', { name: 'mistake' }))).toBeVisible();
  expect((await pauses()).labels).not.toContain('mistake');
  expect(
    await site.value<string>(
      `SELECT action FROM good_job_console.audit_events ORDER BY id DESC LIMIT 1`,
    ),
  ).toBe('pause.undo');
});

test('does not undo a pause after another change of the pauses', async ({ page }) => {
  await addPause(page, 'label', 'changed');
  await site.db.query(
    `UPDATE good_job_settings SET updated_at = clock_timestamp() WHERE key = 'pauses'`,
  );
  await page
    .locator('[data-toast]')
    .getByRole('button', { name: en('pauses.undo.menu') })
    .click();
  await expect(page.getByText(en('pauses.undo.conflict'))).toBeVisible();
  expect((await pauses()).labels).toContain('changed');
});

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false });

  test('pauses until tomorrow morning in the zone of the reader', async ({ page, context }) => {
    const { hostname } = new URL(site.url('/pauses'));
    await context.addCookies([
      { name: 'gjc_time_zone', value: 'Asia/Tokyo', domain: hostname, path: '/' },
      { name: 'gjc_locale', value: 'ja', domain: hostname, path: '/' },
    ]);
    await page.goto(site.url('/pauses'));
    await page.getByLabel(ja('pauses.name')).fill('morning');
    await page.getByRole('button', { name: ja('pauses.pause.menu'), exact: true }).click();
    await page.getByRole('radio', { name: /^明日 9:00/ }).check();
    await page.getByRole('button', { name: ja('pauses.pause.confirm') }).click();
    await expect(pauseRow(page, 'queue', 'morning')).toContainText('9:00に自動解除');
    expect(
      await site.value<string>(
        `SELECT to_char(ends_at AT TIME ZONE 'Asia/Tokyo', 'HH24:MI')
           FROM good_job_console.pause_ends
          WHERE name = 'morning'`,
      ),
    ).toBe('09:00');
  });

  test('pauses and unpauses through confirmation pages without JavaScript', async ({ page }) => {
    await page.goto(site.url('/pauses'));
    await page.getByLabel(en('pauses.name')).fill('low');
    await page.getByRole('button', { name: en('pauses.pause.menu'), exact: true }).click();
    await expect(page.getByRole('heading', { level: 1 })).toHaveText(
      en('pauses.pause.title.queue'),
    );
    await page.getByRole('button', { name: en('pauses.pause.confirm') }).click();
    await expect(page.getByText(en('pauses.pause.done', { name: 'low' }))).toBeVisible();
    expect((await pauses()).queues).toContain('low');
    await page.getByRole('button', { name: unpauseName('low') }).click();
    await page.getByRole('button', { name: en('pauses.unpause.confirm') }).click();
    expect((await pauses()).queues).not.toContain('low');
  });
});
