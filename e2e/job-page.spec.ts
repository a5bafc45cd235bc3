import type { Page } from 'playwright/test';
import type { JobAction } from '../lib/good-job/types';
import {
  DISCARDED,
  SUCCEEDED,
  insertBatch,
  insertExecution,
  insertJob,
  insertProcess,
  serializedParams,
  readRow,
} from '../test/harness/rows';
import { en } from './support/messages';
import { lastToast } from './support/row-actions';
import { useSite } from './support/site';
import { expect, test } from './support/test';
import { lockJob } from './support/worker';

const site = useSite('job page');
const link = (page: Page, action: JobAction) =>
  page.getByRole('link', { name: en(`actions.${action}.menu`), exact: true });
const confirm = (page: Page, action: JobAction) =>
  page
    .getByRole('dialog')
    .getByRole('button', { name: en(`actions.${action}.confirm`), exact: true });

test('shows all attributes, executions and the timeline of a job', async ({ page }) => {
  const batch = await insertBatch(site.db);
  const worker = await insertProcess(site.db);
  const id = await insertJob(site.db, {
    ...DISCARDED,
    batch_id: batch,
    batch_callback_id: batch,
    cron_key: 'nightly',
    concurrency_key: 'Mail-7',
    labels: ['urgent', '重要'],
    priority: -5,
    queue_name: 'mail',
    job_class: 'MailJob',
    executions_count: 2,
    locked_by_id: worker,
  });
  const attempt = { job_class: 'MailJob', queue_name: 'mail', process_id: worker };
  await insertExecution(site.db, id, {
    ...attempt,
    created_at: '2026-11-20T10:00:02Z',
    scheduled_at: '2026-11-20T10:00:00Z',
    finished_at: '2026-11-20T10:00:03.5Z',
    duration: 'PT1.5S',
    serialized_params: serializedParams(id, { executions: 0, enqueued_at: '2026-11-20T10:00:00Z' }),
    error: 'Net::ReadTimeout: first',
    error_event: 3,
  });
  const lastExecution = await insertExecution(site.db, id, {
    ...attempt,
    created_at: '2026-11-20T10:00:20Z',
    scheduled_at: '2026-11-20T10:00:18Z',
    finished_at: '2026-11-20T10:00:20.25Z',
    duration: 'PT0.25S',
    serialized_params: serializedParams(id, { executions: 1, enqueued_at: '2026-11-20T10:00:03Z' }),
    error: 'Net::ReadTimeout: second',
    error_event: 5,
    error_backtrace: [
      "/app/jobs/mail_job.rb:7:in `perform'",
      '/usr/lib/ruby/gems/3.3/gems/activejob/x.rb:1',
      '/app/models/mail.rb:3',
    ],
  });
  await site.open(page, `/jobs/${id}`);

  const details = page.getByRole('region', { name: en('job.details') });
  for (const text of [
    'mail',
    '-5',
    'urgent',
    '重要',
    'nightly',
    'Mail-7',
    en('errorEvents.unhandled'),
    'RuntimeError: boom',
  ])
    await expect(details).toContainText(text);
  await expect(details.getByRole('link', { name: batch })).toHaveCount(2);
  const attempts = page
    .getByRole('region', { name: en('job.executions') })
    .getByRole('heading', { level: 3 });
  await expect(attempts).toHaveText([
    en('job.attempt', { number: '2' }),
    en('job.attempt', { number: '1' }),
  ]);
  const newest = page.locator(`[id="${lastExecution}"]`);
  for (const text of [
    `${en('job.queueWait')} 2 s`,
    `${en('job.runTime')} 250 ms`,
    worker,
    'Net::ReadTimeout: second',
  ])
    await expect(newest).toContainText(text);
  // Application frames are visible, library frames collapsed.
  await expect(newest.getByText('/app/models/mail.rb:3')).toBeVisible();
  await expect(newest.getByText('activejob/x.rb:1')).toBeHidden();
  await newest.getByText(en('job.otherFrames', { count: 1 })).click();
  await expect(newest.getByText('activejob/x.rb:1')).toBeVisible();
  await newest.getByRole('button', { name: en('jobs.showRaw', { id: lastExecution }) }).click();
  await expect(newest.getByRole('group', { name: en('jobs.raw') })).toContainText(
    '"_good_job_execution"',
  );
  await page.getByRole('button', { name: en('jobs.rawShow'), exact: true }).click();
  await expect(page.locator('#raw pre')).toContainText(`"concurrency_key": "Mail-7"`);
  const timeline = page.getByRole('region', { name: en('job.timeline') }).getByRole('listitem');
  await expect(timeline).toHaveText([
    /^Enqueued/,
    /^Waited/,
    /Attempt 1/,
    /^Back-off/,
    /Attempt 2/,
    /^Finished/,
  ]);
  await details.getByRole('link', { name: batch }).first().click();
  await page.waitForURL(new RegExp(`/batches/${batch}$`));
});

test('retries a job by keyboard, and Escape cancels', async ({ page }) => {
  const id = await insertJob(site.db, DISCARDED);
  await site.open(page, `/jobs/${id}`);
  for (
    let n = 0;
    n < 40 &&
    !(await link(page, 'retry').evaluate((element) => element === document.activeElement));
    n += 1
  )
    await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await expect(confirm(page, 'retry')).toBeFocused();
  await page.keyboard.press('Escape');
  await expect(page.getByRole('dialog')).toHaveCount(0);
  await expect(link(page, 'retry')).toBeFocused();
  expect((await readRow(site.db, 'good_jobs', id)).finished_at).not.toBeNull();
  await page.keyboard.press('Enter');
  await expect(confirm(page, 'retry')).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(lastToast(page)).toContainText(en('outcomes.done.retry'));
  expect((await readRow(site.db, 'good_jobs', id)).finished_at).toBeNull();
  await expect(page.locator('h1 + span')).toHaveText(en('states.queued'));
});

test(
  'restores the focus to the row after a keyboard action of its menu',
  { tag: '@any-path' },
  async ({ page }) => {
    const id = await insertJob(site.db);
    await site.open(page, '/jobs');
    const menu = page.getByRole('button', { name: en('jobs.menu', { id }) });
    await menu.focus();
    await page.keyboard.press('Enter');
    await expect(page.getByRole('menuitem', { name: en('actions.reschedule.menu') })).toBeFocused();
    await page.keyboard.press('ArrowDown');
    await expect(
      page.getByRole('menuitem', { name: en('actions.discard.menu'), exact: true }),
    ).toBeFocused();
    await page.keyboard.press('Enter');
    // A destructive dialog focuses Cancel first.
    await expect(
      page
        .getByRole('dialog', { name: en('actions.discard.title') })
        .getByRole('button', { name: en('actions.cancel') }),
    ).toBeFocused();
    await page.keyboard.press('Escape');
    await expect(menu).toBeFocused();
    await page.keyboard.press('Enter');
    await expect(page.getByRole('menuitem', { name: en('actions.reschedule.menu') })).toBeFocused();
    await page.keyboard.press('Escape');
    await expect(page.getByRole('menu')).toHaveCount(0);
    await expect(menu).toBeFocused();
    await page.keyboard.press('Enter');
    await expect(page.getByRole('menuitem', { name: en('actions.reschedule.menu') })).toBeFocused();
    await page.keyboard.press('ArrowDown');
    await expect(
      page.getByRole('menuitem', { name: en('actions.discard.menu'), exact: true }),
    ).toBeFocused();
    await page.keyboard.press('Enter');
    await expect(
      page.getByRole('dialog').getByRole('button', { name: en('actions.cancel') }),
    ).toBeFocused();
    await page.keyboard.press('Tab');
    await expect(confirm(page, 'discard')).toBeFocused();
    await page.keyboard.press('Enter');
    await expect(lastToast(page)).toContainText(en('outcomes.done.discard'));
    await expect(menu).toBeFocused();
  },
);

test('reports a lock and a conflict next to the action', async ({ page, problems }) => {
  problems.allowStatus(404);
  const id = await insertJob(site.db);
  const unlock = await lockJob(site, id);
  await site.open(page, `/jobs/${id}`);
  await link(page, 'discard').click();
  await confirm(page, 'discard').click();
  await expect(lastToast(page)).toContainText(en('outcomes.locked'));
  await unlock();
  await link(page, 'discard').click();
  await site.db.query('UPDATE good_jobs SET finished_at = now() WHERE id = $1', [id]);
  await confirm(page, 'discard').click();
  await expect(lastToast(page)).toContainText(en('outcomes.conflict'));
  await expect(page.locator('h1 + span')).toHaveText(en('states.succeeded'));
});

test('reports a destroyed job on the list and answers 404 on its page', async ({
  page,
  problems,
}) => {
  problems.allowStatus(404);
  const id = await insertJob(site.db, SUCCEEDED);
  await site.open(page, `/jobs/${id}`);
  await link(page, 'destroy').click();
  await confirm(page, 'destroy').click();
  await expect(lastToast(page)).toContainText(en('outcomes.done.destroy'));
  await expect(page.getByRole('heading', { level: 1, name: en('jobs.title') })).toBeVisible();
  expect(await site.value('SELECT count(*)::int FROM good_jobs WHERE id = $1', id)).toBe(0);
  expect((await site.open(page, `/jobs/${id}`)).status()).toBe(404);
  await expect(page.getByRole('heading', { name: en('notFound.title') })).toBeVisible();
  await page.getByRole('link', { name: en('notFound.jobs') }).click();
  await expect(page.getByRole('heading', { level: 1, name: en('jobs.title') })).toBeVisible();
});

test(
  'a disabled action stays visible and says why on focus',
  { tag: '@any-path' },
  async ({ page }) => {
    const id = await insertJob(site.db, SUCCEEDED);
    await site.open(page, `/jobs/${id}`);
    const discard = page.getByRole('button', { name: en('actions.discard.name'), exact: true });
    await expect(discard).toHaveAttribute('aria-disabled', 'true');
    await discard.focus();
    await expect(page.getByRole('tooltip')).toHaveText(en('actions.why.finished'));
  },
);

test('the confirmation page runs the action and returns to the page of the job', async ({
  page,
}) => {
  const id = await insertJob(site.db, DISCARDED);
  await site.open(page, `/jobs/${id}/retry`);
  await page.getByRole('button', { name: en('actions.retry.confirm'), exact: true }).click();
  await expect(page.getByRole('status')).toHaveText(en('outcomes.done.retry'));
  expect(new URL(page.url()).pathname).toBe(new URL(site.url(`/jobs/${id}`)).pathname);
  expect((await readRow(site.db, 'good_jobs', id)).finished_at).toBeNull();
});
