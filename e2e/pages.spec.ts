import { insertJobs } from '../test/harness/many-rows';
import { SUCCEEDED, insertExecution, insertJob, serializedParams } from '../test/harness/rows';
import { en, ja } from './support/messages';
import { bulkBar, openBulkDialog } from './support/row-actions';
import { useSite } from './support/site';
import { expect, test } from './support/test';

const site = useSite('pages', { env: { GOOD_JOB_APP_NAME: '' } });
const minutesAgo = (n: number) => new Date(Date.now() - n * 60_000).toISOString();

test.beforeEach(() =>
  site.db.query(
    'DELETE FROM good_jobs; DELETE FROM good_job_executions; DELETE FROM good_job_batches',
  ),
);

test('shows the executions of a job: an interrupted one, an old error and all pages', async ({
  page,
}) => {
  const id = await insertJob(site.db, { error: 'RuntimeError: boom', executions_count: 120 });
  await site.db.query(
    `INSERT INTO good_job_executions
       (id, active_job_id, created_at, updated_at, finished_at, error, error_event,
        serialized_params)
     SELECT gen_random_uuid(), $1, now() - (200 - n) * interval '1 minute', now(),
       CASE WHEN n < 120 THEN now() END,
       CASE WHEN n IN (2, 119) THEN 'RuntimeError: boom' END,
       CASE WHEN n IN (2, 119) THEN 3 END,
       jsonb_set($2::jsonb, '{executions}', to_jsonb(n - 1))
     FROM generate_series(1, 120) n`,
    [id, serializedParams(id)],
  );
  await site.db.query('UPDATE good_jobs SET created_at = now() WHERE id = $1', [id]);
  await site.open(page, `/jobs/${id}`);
  const executions = page.getByRole('region', { name: en('job.executions') });
  await expect(executions.locator('li[id]').first()).toContainText(
    en('executionStates.interrupted'),
  );
  const details = page.getByRole('region', { name: en('job.details') });
  await expect(page.getByRole('heading', { level: 2, name: /attempt 119/ })).toBeVisible();
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

test('blank names, distant times and long descriptions have links and fit the page', async ({
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
  const farJob = await insertJob(site.db, { scheduled_at: '29999-12-31T23:59:59Z' });
  const batch = await site.value<string>(
    `INSERT INTO good_job_batches
       (id, created_at, updated_at, enqueued_at, description, serialized_properties)
     VALUES (gen_random_uuid(), now(), now(), now(), $1, '{}') RETURNING id`,
    `${'説明 description '.repeat(70)}${'x'.repeat(1_000)}`.slice(0, 2_000),
  );
  const blank = await site.value<string>(
    `INSERT INTO good_job_batches
       (id, created_at, updated_at, enqueued_at, description, serialized_properties)
     VALUES (gen_random_uuid(), now(), now(), now(), '  ', '{}') RETURNING id`,
  );
  const expectFits = async (what: string) =>
    expect(
      await page.evaluate(
        () => document.documentElement.scrollWidth <= document.documentElement.clientWidth,
      ),
      what,
    ).toBe(true);
  for (const width of [390, 1920]) {
    await page.setViewportSize({ width, height: 900 });
    await site.open(page, '/jobs?state=succeeded');
    await expectFits('list');
    await page
      .locator(`[data-job="${jobs[0]}"]`)
      .getByRole('link', { name: en('jobs.noClass') })
      .press('Enter');
    await page.waitForURL(new RegExp(`/jobs/${jobs[0]}$`));
    await page
      .getByRole('region', { name: en('job.details') })
      .getByRole('link', { name: en('jobs.noQueue') })
      .click();
    await expect(page.locator('[data-job]')).toHaveCount(1);
    await expect(page.locator(`[data-job="${jobs[0]}"]`)).toBeVisible();
    await site.open(page, `/jobs/${farJob}`);
    await expect(page.getByRole('region', { name: en('job.details') })).toContainText(
      '29999-12-31 23:59:59 UTC',
    );
    await expectFits('year 29999');
    await site.open(page, '/batches');
    await expectFits('batches');
    const batchRow = page.locator(`[data-batch="${batch}"]`);
    expect((await batchRow.boundingBox())?.height).toBeLessThan(500);
    await expect(
      page
        .locator(`[data-batch="${blank}"]`)
        .getByRole('link', { name: en('batches.noDescription') }),
    ).toBeVisible();
    await batchRow.getByRole('link').first().click();
    await page.waitForURL(new RegExp(`/batches/${batch}$`));
    await expectFits('batch');
    await site.open(page, '/performance?range=week');
    await expectFits('performance');
  }
  const jobBehindFigure = async (table: 'class' | 'queue', name: string) => {
    await site.open(page, '/performance?range=week');
    await page.locator(`[data-figures="${table}"] tr[data-name="${name}"] a`).last().click();
    await page.waitForURL(/\/jobs\?/);
    await expect(page.locator('[data-job]')).toHaveCount(1);
    return page.locator('[data-job]').getAttribute('data-job');
  };
  expect(await jobBehindFigure('class', ' ')).toBe(jobs[1]);
  expect(await jobBehindFigure('class', 'Named')).toBe(jobs[2]);
});

test('the audit details of a pause do not mention a bulk run', async ({ page }) => {
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
  await record.getByText(en('audit.showDetails'), { exact: true }).click();
  await expect(record.getByText(en('audit.requestId'))).toBeVisible();
  await expect(record).not.toContainText(en('audit.noChanges', { number: '25' }));
});

test('the page of a run shows its reason and its filter in words', async ({ page }) => {
  await insertJobs(site.db, 2, { queue_name: `'mailers'` });
  await page.context().addCookies([{ name: 'gjc_locale', value: 'ja', url: site.server.origin }]);
  await site.open(page, '/jobs?state=discarded&queue_name=mailers&q=-label:bulk');
  await openBulkDialog(page, 'retry', ja);
  const dialog = page.getByRole('dialog');
  await dialog.getByRole('textbox', { name: ja('actions.reason.label') }).fill('修正済み #4711');
  await dialog
    .getByRole('button', {
      name: ja('bulk.confirms.retry', { count: 2, number: ja('bulk.exact', { number: '2' }) }),
    })
    .click();
  await bulkBar(page, ja)
    .getByRole('link', { name: ja('bulk.open') })
    .click();
  const main = page.getByRole('main');
  await expect(main).toContainText('修正済み #4711');
  await expect(main).toContainText(`${ja('search.fields.state')} ${ja('states.discarded')}`);
  await expect(main).toContainText(`${ja('search.fields.queue')} mailers`);
  await expect(main).toContainText(`${ja('search.fields.label')} bulk 以外`);
  await expect(main).not.toContainText('queue_name=');
});
