import type { Page } from 'playwright/test';
import { insertJobs } from '../test/harness/many-rows';
import {
  DISCARDED,
  RUNNING,
  SUCCEEDED,
  insertExecution,
  insertJob,
  insertProcess,
  params,
  row,
} from '../test/harness/rows';
import { en, ja } from './support/messages';
import { useSite } from './support/site';
import { expect, test } from './support/test';

const site = useSite('pages', { env: { GOOD_JOB_APP_NAME: '' } });

const GONE = '00000000-0000-4000-8000-000000000000';
const minutesAgo = (n: number) => new Date(Date.now() - n * 60_000).toISOString();
const mark = (page: Page) => page.locator('[data-live]');
const menuLink = (page: Page, name: string) =>
  page.locator('#actions').getByRole('link', { name, exact: true });
const inTokyo = (page: Page) =>
  page
    .context()
    .addCookies([{ name: 'gjc_time_zone', value: 'Asia/Tokyo', url: site.server.origin }]);

test.beforeEach(() =>
  site.db.query(
    'DELETE FROM good_jobs; DELETE FROM good_job_executions; DELETE FROM good_job_batches',
  ),
);

test.describe('the mark of live updates', () => {
  test('the page of a job follows the job by itself', async ({ page }) => {
    await page.clock.install();
    const id = await insertJob(site.db);
    await site.open(page, `/jobs/${id}`);
    await expect(mark(page)).toHaveAttribute('data-live', 'on');
    await site.db.query('UPDATE good_jobs SET finished_at = now() WHERE id = $1', [id]);
    await insertExecution(site.db, id, { finished_at: minutesAgo(0) });
    await page.clock.runFor(6_000);
    await expect(page.locator('h1 + span')).toHaveText(en('states.succeeded'));
    await expect(page.getByRole('region', { name: en('job.executions') })).toContainText(
      en('executionStates.succeeded'),
    );
  });

  test('the page of a job that was deleted says so by itself', async ({ page, problems }) => {
    problems.allowStatus(404);
    await page.clock.install();
    const id = await insertJob(site.db);
    await site.open(page, `/jobs/${id}`);
    await site.db.query('DELETE FROM good_jobs WHERE id = $1', [id]);
    await page.clock.runFor(6_000);
    await expect(page.getByRole('heading', { name: en('notFound.title') })).toBeVisible();
  });

  test('the list of bulk runs is polled', async ({ page }) => {
    await page.clock.install();
    await insertJobs(site.db, 2);
    await site.open(page, '/bulk');
    await expect(mark(page)).toHaveAttribute('data-live', 'on');
    const other = await page.context().newPage();
    await site.open(other, '/jobs?state=discarded');
    const bar = other.getByRole('region', { name: en('bulk.bar') });
    await bar.getByRole('button', { name: en('actions.retry.menu') }).click();
    await other
      .getByRole('button', { name: en('bulk.confirms.retry', { count: 2, number: '2' }) })
      .click();
    await expect(bar).toContainText(en('bulk.states.finished'));
    await page.clock.runFor(6_000);
    await expect(page.locator('[data-run]')).toContainText(en('bulk.states.finished'));
  });

  test('a page that does not refresh has no mark', async ({ page }) => {
    await insertJob(site.db, DISCARDED);
    for (const path of ['/performance', '/cleaner']) {
      await site.open(page, path);
      await expect(mark(page), path).toHaveAttribute('data-live', 'off');
      await expect(mark(page), path).toBeHidden();
    }
    await site.open(page, '/jobs');
    await expect(mark(page)).toBeVisible();
  });

  test('it says that a selection or a dialog holds it', async ({ page }) => {
    const id = await insertJob(site.db);
    await site.open(page, '/jobs');
    await expect(mark(page)).toHaveAttribute('data-live', 'on');
    await expect(mark(page)).not.toContainText(en('live.onHold'));
    await page.getByRole('checkbox', { name: en('jobs.select', { id }) }).check();
    await expect(mark(page)).toHaveAttribute('data-live', 'held');
    await expect(mark(page)).toContainText(en('live.onHold'));
    await page.getByRole('checkbox', { name: en('jobs.select', { id }) }).uncheck();
    await expect(mark(page)).toHaveAttribute('data-live', 'on');
    await site.open(page, `/jobs/${id}`);
    await menuLink(page, en('actions.discard.menu')).click();
    await expect(mark(page)).toHaveAttribute('data-live', 'held');
    await page.keyboard.press('Escape');
    await expect(mark(page)).toHaveAttribute('data-live', 'on');
  });
});

test('the executions of a job: an open one that nobody runs, an old error, all pages', async ({
  page,
}) => {
  const id = await insertJob(site.db, { error: 'RuntimeError: boom', executions_count: 120 });
  await site.db.query(
    `INSERT INTO good_job_executions (id, active_job_id, created_at, updated_at, finished_at, error, error_event, serialized_params)
     SELECT gen_random_uuid(), $1, now() - (200 - n) * interval '1 minute', now(), CASE WHEN n < 120 THEN now() END,
            CASE WHEN n IN (2, 119) THEN 'RuntimeError: boom' END, CASE WHEN n IN (2, 119) THEN 3 END, jsonb_set($2::jsonb, '{executions}', to_jsonb(n - 1))
       FROM generate_series(1, 120) n`,
    [id, params(id)],
  );
  await site.db.query('UPDATE good_jobs SET created_at = now() WHERE id = $1', [id]);
  await site.open(page, `/jobs/${id}`);
  const executions = page.getByRole('region', { name: en('job.executions') });
  await expect(executions.locator('li[id]').first()).toContainText(
    en('executionStates.interrupted'),
  );
  const details = page.getByRole('region', { name: en('job.details') });
  await expect(details).toContainText(en('job.errorOfAttempt', { number: '119' }));
  await expect(details).toContainText('First enqueued 2026-01-02 03:04:05 UTC');
  await executions
    .getByRole('link', { name: en('job.olderExecutions') })
    .first()
    .click();
  await expect(executions.locator('li[id]')).toHaveCount(20);
  await expect(executions).toContainText(en('job.attempt', { number: '1' }));
  await executions.getByRole('link', { name: en('job.newerExecutions') }).click();
  await expect(executions.locator('li[id]')).toHaveCount(100);
  await executions.getByRole('link', { name: en('job.firstFailure', { number: '2' }) }).click();
  await expect(executions.locator('li[id]')).toHaveCount(2);
  await expect(executions.locator('li[id]').first()).toContainText('RuntimeError: boom');
});

test('a day without an offset is that of the viewer, and the URL has it with its offset', async ({
  page,
}) => {
  const at = (time: string) => insertJob(site.db, { created_at: time });
  const inDay = await at('2026-11-29T15:00:00Z');
  await at('2026-11-30T15:00:00Z');
  await inTokyo(page);
  await site.open(
    page,
    `/jobs?${new URLSearchParams({ q: 'created:2026-11-30', state: 'queued' })}`,
  );
  expect(new URL(page.url()).searchParams.get('q')).toBe('created:2026-11-30+09:00');
  expect(new URL(page.url()).searchParams.get('state')).toBe('queued');
  const listed = () => page.locator('[data-job]');
  await expect(listed()).toHaveCount(1);
  await expect(listed()).toHaveAttribute('data-job', inDay);
  const box = page.getByRole('combobox', { name: en('search.label') });
  await box.fill('scheduled:>2020-01-01');
  await box.press('Enter');
  await expect
    .poll(() => new URL(page.url()).searchParams.get('q'))
    .toBe('created:2026-11-30+09:00 scheduled:>=2020-01-02+09:00');
  await expect(listed()).toHaveCount(1);

  const ids = async (query: Record<string, string>) => {
    const answer = await page.request.get(site.url(`/api/jobs?${new URLSearchParams(query)}`));
    return ((await answer.json()) as { rows: { id: string }[] }).rows.map((one) => one.id);
  };
  const q = 'created:2026-11-30';
  expect(await ids({ q }), 'an API reads it in UTC').not.toContain(inDay);
  expect(await ids({ q, time_zone: 'Asia/Tokyo' }), 'or in the zone that is sent').toEqual([inDay]);
  expect(await ids({ q, time_zone: 'Mars/Base' })).toEqual([]);
});

test('a star in a word is any characters', async ({ page }) => {
  const id = await insertJob(site.db, { ...DISCARDED, error: 'Net::ReadTimeout: slow' });
  await site.open(page, `/jobs?${new URLSearchParams({ q: 'net::*slow' })}`);
  await expect(page.locator(`[data-job="${id}"]`)).toBeVisible();
  await site.open(page, `/jobs?${new URLSearchParams({ query: 'net::*slow' })}`);
  await expect(page.locator('[data-job]')).toHaveCount(0);
});

test('a reschedule into the past asks first', async ({ page }) => {
  const id = await insertJob(site.db, { scheduled_at: '2033-01-01T00:00:00Z' });
  await site.open(page, `/jobs/${id}`);
  await menuLink(page, en('actions.reschedule.menu')).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel(en('actions.reschedule.at'), { exact: true }).check();
  await dialog.getByLabel(en('actions.reschedule.time', { zone: 'UTC' })).fill('2021-05-06T07:08');
  const confirm = dialog.getByRole('button', { name: en('actions.reschedule.confirm') });
  await confirm.click();
  await expect(dialog.getByRole('alert')).toHaveText(
    en('actions.reschedule.past', { time: '2021-05-06 07:08:00 UTC' }),
  );
  expect((await row(site.db, 'good_jobs', id)).scheduled_at).toBe('2033-01-01T00:00:00');
  await confirm.click();
  await expect(page.getByRole('status')).toHaveText(en('outcomes.done.reschedule'));
  expect((await row(site.db, 'good_jobs', id)).scheduled_at).toBe('2021-05-06T07:08:00');
});

test('a bulk reschedule into the past asks first', async ({ page }) => {
  for (let n = 0; n < 2; n += 1) await insertJob(site.db, { scheduled_at: '2033-01-01T00:00:00Z' });
  await site.open(page, '/jobs?state=scheduled');
  await page
    .getByRole('region', { name: en('bulk.bar') })
    .getByRole('button', { name: en('actions.reschedule.menu') })
    .click();
  const dialog = page.getByRole('dialog');
  await dialog.getByLabel(en('actions.reschedule.at'), { exact: true }).check();
  await dialog.getByLabel(en('actions.reschedule.time', { zone: 'UTC' })).fill('2021-05-06T07:08');
  const confirm = dialog.getByRole('button', {
    name: en('bulk.confirms.reschedule', { count: 2, number: '2' }),
  });
  await confirm.click();
  await expect(dialog.getByRole('alert')).toHaveText(
    en('actions.reschedule.past', { time: '2021-05-06 07:08:00 UTC' }),
  );
  const past = () =>
    site.value<number>(`SELECT count(*)::int FROM good_jobs WHERE scheduled_at < '2022-01-01'`);
  expect(await past()).toBe(0);
  await confirm.click();
  await expect.poll(past).toBe(2);
});

test.describe('without JavaScript', () => {
  test.use({ javaScriptEnabled: false });
  test('a reschedule into the past asks first', async ({ page }) => {
    const id = await insertJob(site.db, { scheduled_at: '2033-01-01T00:00:00Z' });
    await page.goto(site.url(`/jobs/${id}/reschedule`));
    await page.getByLabel(en('actions.reschedule.at'), { exact: true }).check();
    await page.getByLabel(en('actions.reschedule.time', { zone: 'UTC' })).fill('2021-05-06T07:08');
    const confirm = page.getByRole('button', { name: en('actions.reschedule.confirm') });
    await confirm.click();
    await expect(page.getByRole('status')).toContainText(
      en('actions.reschedule.past', { time: '2021-05-06 07:08:00 UTC' }),
    );
    expect((await row(site.db, 'good_jobs', id)).scheduled_at).toBe('2033-01-01T00:00:00');
    await confirm.click();
    await expect(page.getByRole('status')).toContainText(en('outcomes.done.reschedule'));
    expect((await row(site.db, 'good_jobs', id)).scheduled_at).toBe('2021-05-06T07:08:00');
  });

  test('a job whose worker is gone is released from its own page, and ends there', async ({
    page,
  }) => {
    const worker = await insertProcess(site.db, { updated_at: minutesAgo(60) });
    const id = await insertJob(site.db, { ...RUNNING, locked_by_id: worker, lock_type: 1 });
    await page.goto(site.url(`/jobs/${id}`));
    await page.getByRole('link', { name: en('attention.repairs.release_jobs.menu') }).click();
    await page.getByRole('button', { name: en('attention.repairs.release_jobs.confirm') }).click();
    await expect(page.locator('[data-repaired="release_jobs"]')).toBeVisible();
    expect(page.url()).toContain(`/jobs/${id}?`);
    expect((await row(site.db, 'good_jobs', id)).locked_by_id).toBeNull();
  });

  test('a query that is not understood is named where it can be removed', async ({ page }) => {
    await page.goto(site.url('/jobs?q=statee:x'));
    await expect(page.getByRole('alert')).toContainText(
      en('filter.notUnderstoodTerm', { value: 'statee:x' }),
    );
  });
});

test('a job whose worker is gone is released on its own page', async ({ page }) => {
  const worker = await insertProcess(site.db, { updated_at: minutesAgo(60) });
  const id = await insertJob(site.db, { ...RUNNING, locked_by_id: worker, lock_type: 1 });
  await insertExecution(site.db, id);
  await site.open(page, `/jobs/${id}`);
  await expect(page.getByRole('region', { name: en('job.executions') })).toContainText(
    en('executionStates.interrupted'),
  );
  await page.getByRole('link', { name: en('attention.repairs.release_jobs.menu') }).click();
  await page
    .getByRole('dialog')
    .getByRole('button', { name: en('attention.repairs.release_jobs.confirm') })
    .click();
  await expect(page.locator('[data-repaired="release_jobs"]')).toBeVisible();
  expect((await row(site.db, 'good_jobs', id)).locked_by_id).toBeNull();
  await expect(page.getByText(en('job.waitsForWorker'))).toBeVisible();
});

test('what keeps an action from its effect is said before', async ({ page }) => {
  const callback = await insertJob(site.db, { ...DISCARDED, batch_callback_id: GONE });
  const warning = (name: 'callback_batch_missing' | 'callbacks_not_enqueued') =>
    page.getByRole('dialog').getByText(en(`actions.warnings.${name}`));
  await site.open(page, `/jobs/${callback}`);
  await menuLink(page, en('actions.retry.menu')).click();
  await expect(warning('callback_batch_missing')).toBeVisible();
  await page.goto(site.url(`/jobs/${callback}/retry`));
  await expect(page.getByText(en('actions.warnings.callback_batch_missing'))).toBeVisible();
  await site.db.query('DELETE FROM good_jobs');

  const batch = await site.value<string>(
    `INSERT INTO good_job_batches (id, created_at, updated_at, enqueued_at, on_discard, serialized_properties)
     VALUES (gen_random_uuid(), now(), now(), now(), 'OnDiscard', '{}') RETURNING id`,
  );
  const member = await insertJob(site.db, { batch_id: batch });
  await site.open(page, '/jobs');
  await page.getByRole('button', { name: en('jobs.menu', { id: member }) }).click();
  await page.getByRole('menuitem', { name: en('actions.discard.menu'), exact: true }).click();
  await expect(warning('callbacks_not_enqueued')).toBeVisible();
});

test('an empty class, an empty or null queue, a year 29999 and a long description link and fit', async ({
  page,
}) => {
  const jobs: string[] = [];
  for (const [job_class, queue_name] of [
    ['', ''],
    [' ', null],
    ['Named', 'named'],
  ]) {
    const id = await insertJob(site.db, { ...SUCCEEDED, job_class, queue_name });
    await insertExecution(site.db, id, {
      job_class,
      queue_name,
      finished_at: minutesAgo(1),
      duration: 'PT1S',
    });
    jobs.push(id);
  }
  const far = await insertJob(site.db, { scheduled_at: '29999-12-31T23:59:59Z' });
  const batch = await site.value<string>(
    `INSERT INTO good_job_batches (id, created_at, updated_at, enqueued_at, description, serialized_properties)
     VALUES (gen_random_uuid(), now(), now(), now(), $1, '{}') RETURNING id`,
    `${'説明 description '.repeat(70)}${'x'.repeat(1_000)}`.slice(0, 2_000),
  );
  const blank = await site.value<string>(
    `INSERT INTO good_job_batches (id, created_at, updated_at, enqueued_at, description, serialized_properties)
     VALUES (gen_random_uuid(), now(), now(), now(), '  ', '{}') RETURNING id`,
  );
  const fits = async (what: string) =>
    expect(
      await page.evaluate(
        () => document.documentElement.scrollWidth <= document.documentElement.clientWidth,
      ),
      what,
    ).toBe(true);
  for (const width of [390, 1920]) {
    await page.setViewportSize({ width, height: 900 });
    await site.open(page, '/jobs?state=succeeded');
    await fits('list');
    await page
      .locator(`[data-job="${jobs[0]}"]`)
      .getByRole('link', { name: en('jobs.noClass') })
      .click();
    await page.waitForURL(new RegExp(`/jobs/${jobs[0]}$`));
    await page
      .getByRole('region', { name: en('job.details') })
      .getByRole('link', { name: en('jobs.noQueue') })
      .click();
    await expect(page.locator('[data-job]')).toHaveCount(1);
    await expect(page.locator(`[data-job="${jobs[0]}"]`)).toBeVisible();
    await site.open(page, `/jobs/${far}`);
    await expect(page.getByRole('region', { name: en('job.details') })).toContainText(
      '29999-12-31 23:59:59 UTC',
    );
    await fits('year 29999');
    await site.open(page, '/batches');
    await fits('batches');
    const described = page.locator(`[data-batch="${batch}"]`);
    expect((await described.boundingBox())?.height).toBeLessThan(500);
    await expect(
      page
        .locator(`[data-batch="${blank}"]`)
        .getByRole('link', { name: en('batches.noDescription') }),
    ).toBeVisible();
    await described.getByRole('link').first().click();
    await page.waitForURL(new RegExp(`/batches/${batch}$`));
    await fits('batch');
    await site.open(page, '/performance?range=week');
    await fits('performance');
  }
  const listed = async (table: 'class' | 'queue', name: string) => {
    await site.open(page, '/performance?range=week');
    await page.locator(`[data-figures="${table}"] tr[data-name="${name}"] a`).last().click();
    await page.waitForURL(/\/jobs\?/);
    await expect(page.locator('[data-job]')).toHaveCount(1);
    return page.locator('[data-job]').getAttribute('data-job');
  };
  expect(await listed('class', ' ')).toBe(jobs[1]);
  expect(await listed('class', 'Named')).toBe(jobs[2]);
});

test('a query that is not understood is said once', async ({ page }) => {
  await insertJob(site.db);
  await site.open(page, '/jobs?q=statee:x');
  await expect(page.getByText('statee:x').locator('visible=true')).toHaveCount(1);
  await expect(page.getByRole('main').getByRole('alert')).toContainText(
    en('search.problems.field'),
  );
  await expect(page.locator('[data-job]')).toHaveCount(0);
});

test('the details of a pause do not speak of a bulk run', async ({ page }) => {
  await site.open(page, '/pauses');
  await page.getByRole('combobox', { name: en('pauses.name') }).fill('mailers');
  await page.getByRole('button', { name: en('pauses.pause.menu'), exact: true }).click();
  await page
    .getByRole('dialog')
    .getByRole('button', { name: en('pauses.pause.confirm'), exact: true })
    .click();
  await expect(page.locator('[data-pause="queue mailers"]')).toBeVisible();
  await site.open(page, '/audit?target=mailers');
  const record = page.locator('[data-audit]').first();
  await record.getByText(en('audit.showDetails')).click();
  await expect(record.getByText(en('audit.requestId'))).toBeVisible();
  await expect(record).not.toContainText(en('audit.noChanges', { number: '25' }));
});

test('the page of a run has its reason, and its filter in words', async ({ page }) => {
  await insertJobs(site.db, 2, { queue_name: `'mailers'` });
  await page.context().addCookies([{ name: 'gjc_locale', value: 'ja', url: site.server.origin }]);
  await site.open(page, '/jobs?state=discarded&queue_name=mailers&q=-label:bulk');
  const bar = page.getByRole('region', { name: ja('bulk.bar') });
  await bar.getByRole('button', { name: ja('actions.retry.menu') }).click();
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('textbox', { name: ja('actions.reason.label') }).fill('修正済み #4711');
  await dialog
    .getByRole('button', {
      name: ja('bulk.confirms.retry', { count: 2, number: ja('bulk.exact', { number: '2' }) }),
    })
    .click();
  await bar.getByRole('link', { name: ja('bulk.open') }).click();
  const main = page.getByRole('main');
  await expect(main).toContainText('修正済み #4711');
  await expect(main).toContainText(`${ja('search.fields.state')} ${ja('states.discarded')}`);
  await expect(main).toContainText(`${ja('search.fields.queue')} mailers`);
  await expect(main).toContainText(`${ja('search.fields.label')} bulk 以外`);
  await expect(main).not.toContainText('queue_name=');
});
