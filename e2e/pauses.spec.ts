import type { Locator, Page } from 'playwright/test';
import { SUCCEEDED, insertJob } from '../test/harness/rows';
import { en } from './support/messages';
import { useSite } from './support/site';
import { expect, test } from './support/test';

const LABEL = '重要: "x" & 50%';
const site = useSite('pauses', {
  seed: async (db) => {
    await insertJob(db, { queue_name: 'mailers', job_class: 'MailJob' });
    await insertJob(db, { queue_name: 'mailers', job_class: 'MailJob', labels: [LABEL] });
    await insertJob(db, { queue_name: 'mailers', ...SUCCEEDED });
  },
});
const pauses = () =>
  site.value<Record<string, string[]>>(`SELECT value FROM good_job_settings WHERE key = 'pauses'`);
const pauseRow = (page: Page, kind: string, name: string): Locator =>
  page.locator(`[data-pause=${JSON.stringify(`${kind} ${name}`)}]`);

async function addPause(
  page: Page,
  kind: 'queue' | 'job_class' | 'label',
  name: string,
): Promise<void> {
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
  await expect(pauseRow(page, 'queue', 'mailers')).toContainText('2 jobs wait');
  await expect(page.getByRole('region', { name: en('pauses.kinds.label') })).toContainText(
    'One job waits',
  );

  await page.getByRole('link', { name: en('pauses.unpause.menuOf', { name: LABEL }) }).click();
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
  await pauseRow(page, 'queue', 'mailers').getByRole('link', { name: '2 jobs wait' }).click();
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

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false });

  test('pauses and unpauses through confirmation pages without JavaScript', async ({ page }) => {
    await page.goto(site.url('/pauses'));
    await page.getByLabel(en('pauses.name')).fill('low');
    await page.getByRole('button', { name: en('pauses.pause.menu') }).click();
    await expect(page.getByRole('heading', { level: 1 })).toHaveText(
      en('pauses.pause.title.queue'),
    );
    await page.getByRole('button', { name: en('pauses.pause.confirm') }).click();
    await expect(page.getByText(en('pauses.pause.done', { name: 'low' }))).toBeVisible();
    expect((await pauses()).queues).toContain('low');
    await page.getByRole('link', { name: en('pauses.unpause.menuOf', { name: 'low' }) }).click();
    await page.getByRole('button', { name: en('pauses.unpause.confirm') }).click();
    expect((await pauses()).queues).not.toContain('low');
  });
});
