import { DISCARDED, insertExecution, insertJob } from '../test/harness/rows';
import { en } from './support/messages';
import { useSite } from './support/site';
import { expect, test } from './support/test';

const minutesAgo = (n: number) => new Date(Date.now() - n * 60_000).toISOString();
const TIMEOUT = (n: number) => `Net::ReadTimeout: no answer for invoice ${n}`;
const DELIVER = [
  "/usr/local/bundle/gems/faraday-2.9/lib/faraday.rb:1:in `call'",
  "/app/app/services/deliver.rb:12:in `post'",
];
const STORE = ["/app/app/services/store.rb:7:in `put'"];
const ids: Record<'deliver' | 'store' | 'waiting' | 'other', string[]> = {
  deliver: [],
  store: [],
  waiting: [],
  other: [],
};

const site = useSite('cleaner', {
  async seed(db) {
    const insertFailure = async (
      kind: keyof typeof ids,
      minutes: number,
      error: string,
      backtrace: string[],
      columns: Record<string, unknown> = {},
    ) => {
      const at = minutesAgo(minutes);
      const id = await insertJob(db, {
        ...DISCARDED,
        job_class: 'InvoiceJob',
        error,
        performed_at: at,
        finished_at: at,
        created_at: at,
        updated_at: at,
        ...columns,
      });
      await insertExecution(db, id, {
        job_class: 'InvoiceJob',
        created_at: minutesAgo(minutes + 1),
        finished_at: at,
        error,
        error_backtrace: backtrace,
      });
      ids[kind].push(id);
    };
    for (let n = 0; n < 7; n += 1)
      await insertFailure('deliver', 5 + n * 40, TIMEOUT(4_000 + n), DELIVER);
    for (let n = 0; n < 3; n += 1) await insertFailure('store', 10 + n, TIMEOUT(n), STORE);
    for (let n = 0; n < 2; n += 1)
      await insertFailure('waiting', 3 + n, TIMEOUT(90 + n), DELIVER, {
        performed_at: null,
        finished_at: null,
        scheduled_at: minutesAgo(-90),
      });
    for (let n = 0; n < 4; n += 1)
      await insertFailure('other', 2_000, '<script>alert(1)</script>: x', [], {
        job_class: '<b>Bold::Job</b>',
      });
    await insertFailure('other', 20_000, 'RuntimeError: long ago', [], { job_class: 'OldJob' });
    await insertJob(db);
  },
});

const DELIVER_GROUP = `[data-failure]:has-text("deliver.rb")`;

test('groups failures by class, error and frame, with counts that link to their jobs', async ({
  page,
}) => {
  await site.open(page, '/cleaner');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(en('failures.title'));
  await expect(page.locator('[data-failure]')).toHaveCount(2);
  const group = page.locator(DELIVER_GROUP);
  await expect(group).toContainText('Net::ReadTimeout: no answer for invoice <n>');
  await expect(group).toContainText('InvoiceJob');
  await expect(group.locator('[data-count="1_hour_ago"]')).toHaveText('4');
  await expect(group.locator('[data-count="3_hours_ago"]')).toHaveText('7');
  await expect(group.locator('[data-count="24_hours_ago"]')).toHaveText('9');
  await expect(
    page.locator('[data-failure]:has-text("store.rb") [data-count="1_hour_ago"]'),
  ).toHaveText('3');

  await group.locator('[data-count="3_hours_ago"]').click();
  await page.waitForURL(/\/jobs\?/);
  await expect(page.locator('[data-job]')).toHaveCount(7);
  const jobIds = await page
    .locator('[data-job]')
    .evaluateAll((rows) => rows.map((row) => row.getAttribute('data-job')));
  expect(jobIds.sort()).toEqual([...ids.deliver.slice(0, 5), ...ids.waiting].sort());

  await page.goBack();
  await page.getByRole('link', { name: en('failures.short.7_days_ago'), exact: true }).click();
  await expect(page.locator('[data-failure]')).toHaveCount(3);
  await expect(
    page.locator('[data-failure]').filter({ hasText: '<b>Bold::Job</b>' }),
  ).toContainText('<script>alert(<n>)</script>: x');
});

test('a bulk action on a group changes only its jobs', async ({ page }) => {
  await site.open(page, '/cleaner');
  await page.locator(`${DELIVER_GROUP} h2 a`).click();
  const group = page.locator(DELIVER_GROUP);
  await expect(group.locator('[data-sample]')).toHaveCount(5);
  await expect(group.locator(`[data-sample="${ids.waiting[0]}"]`)).toHaveAttribute(
    'href',
    new RegExp(`/jobs/${ids.waiting[0]}$`),
  );
  await group.getByRole('button', { name: en('actions.retry.menu') }).click();
  const dialog = page.getByRole('dialog', { name: en('bulk.titles.retry') });
  await expect(dialog).toContainText(en('bulk.affectedJobs', { count: 7, number: '7' }));
  await dialog
    .getByRole('button', { name: en('bulk.confirms.retry', { count: 7, number: '7' }) })
    .click();
  await expect(dialog).toBeHidden();
  await expect
    .poll(() => site.value<number>(`SELECT count(*)::int FROM good_jobs WHERE error_event = 3`))
    .toBe(7);
  const { rows } = await site.db.query<{ id: string }>(
    'SELECT id FROM good_jobs WHERE error_event = 3 AND finished_at IS NULL',
  );
  expect(rows.map(({ id }) => id).sort()).toEqual([...ids.deliver].sort());
  // The other group and the waiting jobs are unchanged.
  expect(
    await site.value<number>(
      `SELECT count(*)::int FROM good_jobs WHERE finished_at IS NOT NULL AND id = ANY($1)`,
      ids.store,
    ),
  ).toBe(3);
  expect(
    await site.value<number>(
      `SELECT count(*)::int FROM good_jobs WHERE error_event = 1 AND id = ANY($1)`,
      ids.waiting,
    ),
  ).toBe(2);
  // The run is stored with its filter.
  expect(await site.value<string>(`SELECT filter FROM good_job_console.bulk_runs`)).toMatch(
    /^job_class=InvoiceJob&q=failure%3A[0-9a-f]{16}%40/,
  );
});

test(
  'lists discarded jobs by class and by exception, with counts that link to their jobs',
  { tag: '@any-path' },
  async ({ page }) => {
    for (const [by, name] of [
      ['class', 'OldJob'],
      ['exception', 'RuntimeError'],
    ] as const) {
      await site.open(page, `/cleaner?by=${by}`);
      const row = page.getByRole('row').filter({ hasText: name });
      await expect(row.getByRole('cell')).toHaveText(['1', '0', '0', '0', '0', '0']);
      await row.getByRole('link', { name: '1', exact: true }).click();
      await page.waitForURL(/\/jobs\?state=discarded/);
      await expect(page.locator('[data-job]')).toHaveCount(1);
      await expect(page.locator(`[data-job="${ids.other.at(-1)}"]`)).toBeVisible();
    }
    await site.open(page, '/cleaner?by=class');
    const store = page.getByRole('row').filter({ hasText: 'Bold::Job' });
    await expect(store.getByRole('cell')).toHaveText(['4', '0', '0', '0', '4', '4']);
    await expect(store.getByRole('link').last()).toHaveAttribute(
      'href',
      /finished_since=7_days_ago/,
    );
  },
);

test('expands a group and lists its jobs without JavaScript', async ({ browser }) => {
  const context = await browser.newContext({ javaScriptEnabled: false });
  const page = await context.newPage();
  await page.goto(site.url('/cleaner'));
  await page.locator('[data-failure]:has-text("store.rb") h2 a').click();
  await page.locator('[data-state="discarded"]').click();
  await expect(page.locator('[data-job]')).toHaveCount(3);
  await context.close();
});

test('lists nothing for an invalid filter and shows it', { tag: '@any-path' }, async ({ page }) => {
  await site.open(page, '/cleaner?finished_since=yesterday&by=colour');
  await expect(page.getByRole('alert').filter({ hasText: 'yesterday' })).toBeVisible();
  await expect(page.locator('[data-failure]')).toHaveCount(0);
});

test('lists fifteen groups a page and keeps the filter on the next page', async ({ page }) => {
  await site.db.query(
    `INSERT INTO good_jobs (
       id, active_job_id, created_at, updated_at, finished_at, error, error_event, job_class,
       queue_name, serialized_params)
     SELECT gen_random_uuid(), gen_random_uuid(), now(), now(), now(),
            'Paged' || chr(64 + n) || 'Error: x', 1, 'PagedJob', 'default',
            jsonb_build_object('job_class', 'PagedJob')
       FROM generate_series(1, 20) n`,
  );
  await site.open(page, '/cleaner?job_class=PagedJob');
  await expect(page.locator('[data-failure]')).toHaveCount(15);
  await page.getByRole('link', { name: en('paging.next') }).click();
  await expect(page.locator('[data-failure]')).toHaveCount(5);
  await expect(page).toHaveURL(/job_class=PagedJob&page=2/);
  await page.locator('[data-failure] h2 a').first().click();
  await expect(page.locator('[data-sample]')).toHaveCount(1);
  await expect(page).toHaveURL(/page=2/);
});
