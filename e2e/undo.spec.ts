import type { Page } from 'playwright/test';
import { insertBatch, insertExecution, insertJob, readRow } from '../test/harness/rows';
import { en, ja } from './support/messages';
import { lastToast, openActionDialog, rowOf, runAction } from './support/row-actions';
import { useSite } from './support/site';
import { expect, test } from './support/test';
import { lockJob } from './support/worker';

/* The undo of a reschedule and of a discard, from a toast and without JavaScript. */
const site = useSite('undo');
test.beforeEach(() => site.db.query('DELETE FROM good_jobs'));

const job = (id: string) => readRow(site.db, 'good_jobs', id);
const undo = (page: Page) => lastToast(page).getByRole('button', { name: en('actions.undo') });
const FUTURE = '2033-01-02T03:04:05.678901';

test('undoes a reschedule from the toast and names the restored time', async ({ page }) => {
  const id = await insertJob(site.db, { scheduled_at: `${FUTURE}Z`, job_class: 'InvoiceJob' });
  await site.open(page, '/jobs');
  const row = rowOf(page, id);
  await runAction(page, id, 'reschedule');
  await expect(lastToast(page)).toContainText('InvoiceJob');
  await expect(row).toContainText(en('states.queued'));
  await undo(page).click();
  await expect(lastToast(page)).toContainText(
    en('outcomes.undone.reschedule', { at: '2033-01-02 03:04:05 UTC' }),
  );
  await expect(page.locator('[data-toast]')).toHaveCount(1);
  await expect(row).toContainText(en('states.scheduled'));
  expect((await job(id)).scheduled_at).toBe(FUTURE);
});

test('says that a job runs now whose old time has passed', async ({ page }) => {
  const id = await insertJob(site.db);
  const { scheduled_at: before } = await job(id);
  await site.open(page, `/jobs/${id}`);
  await page.getByRole('link', { name: en('actions.reschedule.menu') }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('radio', { name: en('actions.reschedule.presets.tomorrow') }).check();
  await dialog.getByRole('button', { name: en('actions.reschedule.confirm') }).click();
  await undo(page).click();
  await expect(lastToast(page)).toContainText(en('outcomes.undone.reschedule_due'));
  expect((await job(id)).scheduled_at).toBe(before);
});

test('undoes a discard, which restores the error of a waiting retry', async ({ page }) => {
  const error = 'Net::OpenTimeout: password=hunter2 expired';
  const id = await insertJob(site.db, { scheduled_at: `${FUTURE}Z`, error, error_event: 3 });
  await insertExecution(site.db, id, { error });
  const before = await job(id);
  await site.open(page, '/jobs?state=retried');
  await runAction(page, id, 'discard');
  await expect(rowOf(page, id)).toHaveCount(0);
  await undo(page).click();
  await expect(lastToast(page)).toContainText(en('outcomes.undone.discard'));
  await expect(rowOf(page, id)).toBeVisible();
  expect({ ...(await job(id)), updated_at: null }).toEqual({ ...before, updated_at: null });
  await site.open(page, `/audit?target=${id}`);
  const record = page.locator('main');
  await expect(record).toContainText(en('audit.actions.job.undo_discard'));
  await expect(record).not.toContainText('hunter2');
});

test('offers no undo of a discard in a batch or of a forced discard', async ({ page }) => {
  const member = await insertJob(site.db, { batch_id: await insertBatch(site.db) });
  const forced = await insertJob(site.db);
  await site.open(page, '/jobs');
  await runAction(page, member, 'discard');
  await expect(lastToast(page)).toContainText(en('outcomes.done.discard'));
  await expect(undo(page)).toHaveCount(0);
  await runAction(page, forced, 'force_discard');
  await expect(lastToast(page)).toContainText(en('outcomes.done.force_discard'));
  await expect(undo(page)).toHaveCount(0);
});

test('an undo changes nothing if the job was locked or changed meanwhile', async ({ page }) => {
  const id = await insertJob(site.db, { scheduled_at: `${FUTURE}Z` });
  await site.open(page, '/jobs');
  await runAction(page, id, 'reschedule');
  await expect(lastToast(page)).toBeVisible();
  const unlock = await lockJob(site, id);
  await undo(page).click();
  await expect(lastToast(page)).toContainText(en('outcomes.locked'));
  await expect(lastToast(page)).toHaveAttribute('data-toast', 'problem');
  await unlock();
  await runAction(page, id, 'discard');
  await expect(lastToast(page)).toContainText(en('outcomes.done.discard'));
  await site.db.query('UPDATE good_jobs SET priority = 7 WHERE id = $1', [id]);
  await undo(page).click();
  await expect(lastToast(page)).toContainText(en('outcomes.conflict'));
  expect((await job(id)).finished_at).not.toBeNull();
});

test('a toast closes after eight seconds, but not under the pointer', async ({ page }) => {
  await page.clock.install();
  const id = await insertJob(site.db);
  await site.open(page, '/jobs');
  await runAction(page, id, 'discard');
  await expect(lastToast(page)).toBeVisible();
  await lastToast(page).hover();
  await page.clock.fastForward(9_000);
  await expect(lastToast(page)).toBeVisible();
  await page.mouse.move(900, 20);
  await page.clock.fastForward(7_000);
  await expect(lastToast(page)).toBeVisible();
  await page.clock.fastForward(2_000);
  await expect(page.locator('[data-toast]')).toHaveCount(0);
});

test('a toast does not move the list', async ({ page }) => {
  const ids = [await insertJob(site.db), await insertJob(site.db)] as const;
  await site.open(page, '/jobs');
  const top = () => rowOf(page, ids[0]).evaluate((element) => element.getBoundingClientRect().top);
  const before = await top();
  await runAction(page, ids[1], 'reschedule');
  await expect(lastToast(page)).toBeVisible();
  expect(await top()).toBe(before);
});

test('offers no undo without the schema of the console', async ({ page, basePath }) => {
  const { startSite } = await import('./support/site');
  const plain = await startSite('undo without schema', basePath, { consoleSchema: false });
  try {
    const id = await insertJob(plain.db);
    await plain.open(page, '/jobs');
    await runAction(page, id, 'discard');
    await expect(lastToast(page)).toContainText(en('outcomes.done.discard'));
    await expect(undo(page)).toHaveCount(0);
  } finally {
    await page.goto('about:blank');
    await plain.stop();
  }
});

test('the dialog offers preset times in the zone of the viewer', async ({ page, context }) => {
  await context.addCookies([
    { name: 'gjc_time_zone', value: 'Asia/Tokyo', url: site.server.origin },
  ]);
  const id = await insertJob(site.db);
  await site.open(page, '/jobs');
  const dialog = await openActionDialog(page, id, 'reschedule');
  await dialog.getByRole('radio', { name: en('actions.reschedule.presets.tomorrow') }).check();
  await dialog.getByRole('button', { name: en('actions.reschedule.confirm') }).click();
  await expect(lastToast(page)).toContainText('09:00:00 JST');
  expect(String((await job(id)).scheduled_at)).toMatch(/T00:00:00$/);
});

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false });

  test('undoes a reschedule to a preset time without JavaScript', async ({ page }) => {
    const id = await insertJob(site.db, { scheduled_at: `${FUTURE}Z` });
    await page.goto(site.url(`/jobs/${id}/reschedule`));
    await page.getByRole('radio', { name: en('actions.reschedule.presets.in15') }).check();
    await page.getByRole('button', { name: en('actions.reschedule.confirm') }).click();
    await expect(page.getByRole('status')).toContainText(
      en('outcomes.done.reschedule', { at: '' }).slice(0, 12),
    );
    await page.getByRole('button', { name: en('actions.undo') }).click();
    await expect(page.getByRole('status')).toContainText(
      en('outcomes.undone.reschedule', { at: '2033-01-02 03:04:05 UTC' }),
    );
    expect((await job(id)).scheduled_at).toBe(FUTURE);
  });

  test('undoes a discard without JavaScript, in Japanese', async ({ page, context }) => {
    await context.addCookies([{ name: 'gjc_locale', value: 'ja', url: site.server.origin }]);
    const id = await insertJob(site.db);
    const before = await job(id);
    await page.goto(site.url(`/jobs/${id}/discard`));
    await page.getByRole('button', { name: ja('actions.discard.confirm') }).click();
    await page.getByRole('button', { name: ja('actions.undo') }).click();
    await expect(page.getByRole('status')).toContainText(ja('outcomes.undone.discard'));
    expect({ ...(await job(id)), updated_at: null }).toEqual({ ...before, updated_at: null });
  });

  test('offers no undo for a foreign record in the URL or after a change', async ({ page }) => {
    const id = await insertJob(site.db);
    const other = await insertJob(site.db);
    await page.goto(site.url(`/jobs/${id}/discard`));
    await page.getByRole('button', { name: en('actions.discard.confirm') }).click();
    const button = page.getByRole('button', { name: en('actions.undo') });
    await expect(button).toBeVisible();
    const { search } = new URL(page.url());
    await page.goto(site.url(`/jobs/${other}${search}`));
    await expect(page.getByRole('status')).toContainText(en('outcomes.done.discard'));
    await expect(button).toHaveCount(0);
    await site.db.query('UPDATE good_jobs SET priority = 7 WHERE id = $1', [id]);
    await page.goto(site.url(`/jobs/${id}${search}`));
    await expect(button).toHaveCount(0);
  });
});
