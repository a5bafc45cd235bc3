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
import { findAxeViolations } from './support/axe';
import { en, ja } from './support/messages';
import { jobPageLink, lastToast } from './support/row-actions';
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
  for (const text of ['mail', '-5', 'urgent', '重要', en('errorEvents.unhandled'), id])
    await expect(details).toContainText(text);
  const related = page.getByRole('region', { name: en('job.related') });
  for (const text of ['nightly', 'Mail-7', worker]) await expect(related).toContainText(text);
  await expect(related.getByRole('link', { name: batch })).toHaveCount(2);
  const error = page.getByRole('region', { name: en('jobs.error') });
  for (const text of ['RuntimeError', 'boom', '/app/jobs/mail_job.rb:7'])
    await expect(error).toContainText(text);
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
    /^Backoff/,
    /Attempt 2/,
    /^Finished/,
  ]);
  await expect(page.locator('[data-scale] svg')).toHaveCount(2);
  await related.getByRole('link', { name: batch }).first().click();
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
  await expect(page.locator('[data-state]')).toHaveText(en('states.queued'));
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
  await (await jobPageLink(page, 'discard')).click();
  await confirm(page, 'discard').click();
  await expect(lastToast(page)).toContainText(en('outcomes.locked'));
  await unlock();
  await (await jobPageLink(page, 'discard')).click();
  await site.db.query('UPDATE good_jobs SET finished_at = now() WHERE id = $1', [id]);
  await confirm(page, 'discard').click();
  await expect(lastToast(page)).toContainText(en('outcomes.conflict'));
  await expect(page.locator('[data-state]')).toHaveText(en('states.succeeded'));
});

test('reports a destroyed job on the list and answers 404 on its page', async ({
  page,
  problems,
}) => {
  problems.allowStatus(404);
  const id = await insertJob(site.db, SUCCEEDED);
  await site.open(page, `/jobs/${id}`);
  await (await jobPageLink(page, 'destroy')).click();
  await confirm(page, 'destroy').click();
  await expect(lastToast(page)).toContainText(en('outcomes.done.destroy'));
  await expect(page.getByRole('heading', { level: 1, name: en('jobs.title') })).toBeVisible();
  expect(await site.value('SELECT count(*)::int FROM good_jobs WHERE id = $1', id)).toBe(0);
  expect((await site.open(page, `/jobs/${id}`)).status()).toBe(404);
  await expect(page.getByRole('heading', { name: en('notFound.title') })).toBeVisible();
  await page.getByRole('link', { name: en('notFound.jobs') }).click();
  await expect(page.getByRole('heading', { level: 1, name: en('jobs.title') })).toBeVisible();
});

test('offers only the actions that the state permits', async ({ page }) => {
  const names = (texts: JobAction[]) => texts.map((action) => en(`actions.${action}.menu`));
  for (const [columns, actions] of [
    [{}, ['reschedule', 'discard', 'force_discard']],
    [SUCCEEDED, ['destroy']],
    [DISCARDED, ['retry', 'destroy']],
  ] as const) {
    const id = await insertJob(site.db, columns);
    await site.open(page, `/jobs/${id}`);
    await page.getByRole('button', { name: en('job.moreActions') }).click();
    await expect(page.locator('#actions').getByRole('link')).toHaveText(names([...actions]));
  }
});

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

test('the error leads to the failures with the same cause', async ({ page }) => {
  const ids: string[] = [];
  for (let n = 1; n <= 3; n += 1) {
    const error = `Net::OpenTimeout: execution of invoice ${n} expired`;
    const id = await insertJob(site.db, { ...DISCARDED, error, job_class: 'CauseJob' });
    await insertExecution(site.db, id, {
      finished_at: new Date().toISOString(),
      error,
      error_backtrace: ['/usr/lib/ruby/gems/net.rb:1', '/app/models/invoice.rb:12'],
    });
    ids.push(id);
  }
  for (const [locale, t] of [
    ['ja', ja],
    ['en', en],
  ] as const) {
    await site.open(page, `/jobs/${ids[0]}?locale=${locale}`);
    const error = page.getByRole('region', { name: t('jobs.error') });
    await expect(error).toContainText('Net::OpenTimeout');
    await expect(error.locator('[data-frame]')).toHaveText('/app/models/invoice.rb:12');
    await expect(
      error.getByRole('link', { name: t('job.sameCause', { count: 3, number: '3' }) }),
    ).toBeVisible();
  }
  await page.getByRole('link', { name: /3 failures have the same cause/ }).click();
  await page.waitForURL(/\/cleaner\?/);
  await expect(page.locator('[data-failure]')).toHaveCount(1);
  for (const id of ids) await expect(page.locator(`a[href$="/jobs/${id}"]`).first()).toBeVisible();
});

test('the arguments are a tree whose values can be copied and searched', async ({
  page,
  context,
}) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const id = await insertJob(site.db, {
    job_class: 'TreeJob',
    serialized_params: serializedParams('x', {
      job_class: 'TreeJob',
      arguments: [
        'invoice',
        { to: 'user2982@example.com', ids: Array.from({ length: 60 }, (_, n) => n + 1000) },
      ],
    }),
  });
  await site.open(page, `/jobs/${id}`);
  const tree = page.locator('[data-tree]');
  await expect(tree).toContainText('user2982@example.com');
  await expect(tree.getByText('1000', { exact: true })).toBeHidden();
  await tree.getByText(en('job.items', { count: 60 })).click();
  await expect(tree.getByText('1000', { exact: true })).toBeVisible();
  await expect(tree.getByText('1059', { exact: true })).toBeHidden();
  await tree.getByText(en('job.moreValues', { count: 50 })).click();
  await expect(tree.getByText('1059', { exact: true })).toBeVisible();
  const path = { path: 'args.1.to' };
  await tree
    .getByRole('button', { name: `${en('copy.copy')}: ${en('job.copyPath', path)}` })
    .click();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe('args.1.to');
  await tree.getByRole('link', { name: en('job.searchValue', path) }).click();
  await expect(page.locator(`[data-job="${id}"]`)).toBeVisible();
  expect(new URL(page.url()).searchParams.get('q')).toBe('args.1.to:user2982@example.com');
});

test('copies the arguments and the error as they are shown', async ({ page, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const id = await insertJob(site.db, {
    ...DISCARDED,
    error: 'Net::ReadTimeout: no answer\nafter 5 s',
    serialized_params: serializedParams('x', { arguments: ['invoice', { to: 'a@example.com' }] }),
  });
  await site.open(page, `/jobs/${id}`);
  const copied = async (label: string) => {
    await page.getByRole('button', { name: `${en('copy.copy')}: ${label}`, exact: true }).click();
    return page.evaluate(() => navigator.clipboard.readText());
  };
  expect(JSON.parse(await copied(en('job.arguments')))).toEqual([
    'invoice',
    { to: 'a@example.com' },
  ]);
  expect(await copied(en('jobs.error'))).toBe('Net::ReadTimeout: no answer\nafter 5 s');
  await site.open(page, `/jobs/${await insertJob(site.db)}`);
  await expect(page.getByText(en('job.noArguments'))).toBeVisible();
  await expect(
    page.getByRole('button', { name: `${en('copy.copy')}: ${en('job.arguments')}` }),
  ).toHaveCount(0);
});

test('copies a Rails console line of the id alone', async ({ page, context }) => {
  await context.grantPermissions(['clipboard-read', 'clipboard-write']);
  const id = await insertJob(site.db, { job_class: '"); system("x' });
  await site.open(page, `/jobs/${id}`);
  await page.getByRole('button', { name: en('job.copyConsole') }).click();
  await expect(page.getByRole('button', { name: en('copy.copied') })).toBeVisible();
  expect(await page.evaluate(() => navigator.clipboard.readText())).toBe(
    `GoodJob::Job.find("${id}")`,
  );
});

test('unfolds the newest attempt and the one of the link', async ({ page }) => {
  const id = await insertJob(site.db, DISCARDED);
  for (let n = 0; n < 3; n += 1)
    await insertExecution(site.db, id, {
      created_at: `2026-11-20T10:0${n}:00Z`,
      finished_at: `2026-11-20T10:0${n}:01Z`,
      error: `RuntimeError: boom ${n}`,
      serialized_params: serializedParams(id, { executions: n }),
    });
  await site.open(page, `/jobs/${id}`);
  const attempts = page.getByRole('region', { name: en('job.executions') });
  await expect(attempts.locator('details[open]')).toHaveCount(1);
  await expect(attempts.getByText('RuntimeError: boom 2')).toBeVisible();
  await expect(attempts.getByText('RuntimeError: boom 0')).toBeHidden();
  await attempts.getByRole('link', { name: en('job.firstFailure', { number: '1' }) }).click();
  await expect(attempts.getByText('RuntimeError: boom 0')).toBeVisible();
});

test('fits names of 300 characters from 390 to 1920 px', async ({ page }) => {
  const name = `Billing::${'VeryLongModuleName'.repeat(20)}`.slice(0, 300);
  const id = await insertJob(site.db, {
    ...DISCARDED,
    job_class: name,
    queue_name: name,
    concurrency_key: name,
    cron_key: name,
    labels: [name, '日本語のラベル'.repeat(20)],
    error: `${name}: ${'y'.repeat(300)}`,
    serialized_params: serializedParams('x', {
      job_class: name,
      arguments: [name, { [name]: { deep: [name] } }],
    }),
  });
  await insertExecution(site.db, id, {
    finished_at: new Date().toISOString(),
    error: name,
    error_backtrace: [`/app/${name}.rb:1`],
  });
  await site.db.query(
    `INSERT INTO good_job_console.audit_events (
            viewer, role, request_id, action, target_type, target_ids, counts, details, reason)
     VALUES ($1, 'operator', 'test', 'job.retry', 'job', ARRAY[$2::uuid], '{"locked": 1}', '{}', $1)`,
    [name, id],
  );
  for (const locale of ['en', 'ja'])
    for (const width of [390, 1024, 1280, 1440, 1920]) {
      await page.setViewportSize({ width, height: 900 });
      await site.open(page, `/jobs/${id}?locale=${locale}`);
      const overflow = await page.evaluate(
        () => document.documentElement.scrollWidth - document.documentElement.clientWidth,
      );
      expect(overflow, `${locale} ${width}`).toBe(0);
      const history = page.locator('section[aria-labelledby="history"]');
      await expect(history.locator('[data-audit]')).toHaveCount(1);
      if (width === 390 || width === 1440)
        expect(await findAxeViolations(page), `${locale} ${width}`).toEqual([]);
    }
});

test.describe('with link templates', () => {
  const linked = useSite('job links', {
    env: {
      LINK_LOGS: 'https://logs.example.com/?q={job_id}&from={from_ms}',
      LINK_ERRORS: 'https://errors.example.com/{queue}/?class={job_class}',
      LINK_CLASS: 'https://git.example.com/{batch_id}',
    },
  });

  test('links carry encoded values and no opener, and are left out without a value', async ({
    page,
  }) => {
    const id = await insertJob(linked.db, {
      queue_name: 'a/../b?c#d',
      job_class: 'Mail"><b>',
      created_at: '2026-11-20T10:00:00Z',
    });
    await linked.open(page, `/jobs/${id}?locale=en`);
    const related = page.getByRole('region', { name: en('job.related') });
    const logs = related.getByRole('link', { name: en('job.links.logs') });
    await expect(logs).toHaveAttribute('rel', 'noopener noreferrer');
    await expect(logs).toHaveAttribute('target', '_blank');
    await expect(logs).toHaveAttribute(
      'href',
      `https://logs.example.com/?q=${id}&from=${Date.parse('2026-11-20T09:59:00Z')}`,
    );
    await expect(related.getByRole('link', { name: en('job.links.errors') })).toHaveAttribute(
      'href',
      'https://errors.example.com/a%2F..%2Fb%3Fc%23d/?class=Mail%22%3E%3Cb%3E',
    );
    await expect(related.getByRole('link', { name: en('job.links.class') })).toHaveCount(0);
  });
});
