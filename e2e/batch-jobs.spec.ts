import type pg from 'pg';
import { DISCARDED, SUCCEEDED, insertBatch, insertJob } from '../test/harness/rows';
import { chooseInterval } from './support/frame';
import { en } from './support/messages';
import { visibleIds, collectPages } from './support/paging';
import { useSite } from './support/site';
import { expect, test } from './support/test';

let batchId = '';

/** 130 jobs of the batch, half of them with the same created_at, mixed with 130 other jobs. */
async function seed(db: pg.Client): Promise<void> {
  batchId = await insertBatch(db, { description: 'Nightly import' });
  const states = [DISCARDED, {}];
  const sharedTime = '2026-11-20T10:00:00.123456Z';
  for (let n = 0; n < 130; n += 1) {
    const created_at =
      n % 2 ? sharedTime : new Date(Date.UTC(2026, 10, 20, 10, 0, 0, n - 60)).toISOString();
    const job_class = n % 3 ? 'ImportRowJob' : 'Import::CheckJob';
    await insertJob(db, {
      batch_id: batchId,
      job_class,
      created_at,
      ...(states[n % 5] ?? SUCCEEDED),
    });
    await insertJob(db, { created_at });
  }
}

const site = useSite('batch jobs', { seed });
const MEMBERS = `#content section[aria-labelledby="batched-jobs"]`;
const members = async (where = 'true') =>
  (
    await site.db.query<{ id: string }>(
      `SELECT id
        FROM good_jobs
        WHERE batch_id = $1 AND ${where}
        ORDER BY created_at DESC, coalesce(scheduled_at, created_at) DESC, id`,
      [batchId],
    )
  ).rows.map(({ id }) => id);

test('pages through 130 jobs of a batch and back without gaps or repeats', async ({ page }) => {
  await site.open(page, `/batches/${batchId}`);
  const all = await members();
  const olderPages = await collectPages(page, 'job', en('paging.older'), { within: MEMBERS });
  expect(olderPages.flat()).toEqual(all);
  expect(olderPages.map((rows) => rows.length)).toEqual([25, 25, 25, 25, 25, 5]);
  const newerPages = await collectPages(page, 'job', en('paging.newer'), { within: MEMBERS });
  expect(newerPages.reverse().flat()).toEqual(all);
});

test('filters the jobs of a batch by state chips and the search of the job list', async ({
  page,
}) => {
  await site.open(page, `/batches/${batchId}`);
  const section = page.getByRole('region', { name: en('batch.batchedJobs') });
  const chips = section.getByRole('list', { name: en('batch.jobsByState') });
  const isDiscarded = 'finished_at IS NOT NULL AND error IS NOT NULL';
  const discarded = await members(isDiscarded);
  await chips
    .getByRole('link', { name: `${en('states.discarded')} ${discarded.length}`, exact: true })
    .click();
  await page.waitForURL(/state=discarded#batched-jobs$/);
  await expect.poll(() => visibleIds(page, 'job', MEMBERS)).toEqual(discarded.slice(0, 25));
  await expect(chips.locator('[aria-current]')).toContainText(en('states.discarded'));

  const search = section.getByRole('combobox', { name: en('search.label') });
  await search.fill('class:Import::CheckJob');
  await search.press('Enter');
  await page.waitForURL(/state=discarded&q=class%3AImport.*#batched-jobs$/);
  const both = await members(`${isDiscarded} AND job_class = 'Import::CheckJob'`);
  expect(both.length).toBeGreaterThan(3);
  await expect.poll(() => visibleIds(page, 'job', MEMBERS)).toEqual(both.slice(0, 25));
  // The numbers are those of the whole batch, so a search hides them.
  await expect(chips).not.toContainText(/\d/);

  await chips.getByRole('link', { name: en('states.all') }).click();
  const checks = await members(`job_class = 'Import::CheckJob'`);
  await expect.poll(() => visibleIds(page, 'job', MEMBERS)).toEqual(checks.slice(0, 25));
  await section
    .getByRole('button', { name: en('search.remove', { term: 'class:Import::CheckJob' }) })
    .click();
  await expect.poll(() => visibleIds(page, 'job', MEMBERS)).toEqual((await members()).slice(0, 25));
});

test('lists nothing for a class that the batch does not have', async ({ page }) => {
  await site.open(page, `/batches/${batchId}?job_class=NoSuchJob`);
  await expect(page.locator(MEMBERS)).toContainText(en('jobs.empty'));
  expect(await visibleIds(page, 'job', MEMBERS)).toEqual([]);
});

test('the counts of a batch link to the jobs that they count', async ({ page }) => {
  await site.open(page, `/batches/${batchId}`);
  const status = page.getByRole('region', { name: en('batch.status') });
  const queued = await members('finished_at IS NULL');
  await expect(status).toContainText(
    en('batches.doneOf', { done: String(130 - queued.length), total: '130' }),
  );
  await status.getByRole('link', { name: `${en('states.queued')} ${queued.length}` }).click();
  await page.waitForURL(/state=queued/);
  await expect.poll(() => visibleIds(page, 'job', MEMBERS)).toEqual(queued.slice(0, 25));
});

test(
  'shows the error of a failed attempt on hover and focus',
  { tag: '@any-path' },
  async ({ page }) => {
    const [id = ''] = await members('error IS NOT NULL');
    await site.open(page, `/batches/${batchId}?state=discarded`);
    const attempts = page.locator(`[data-job="${id}"]`).getByRole('button', {
      name: en('jobs.errorOf', { attempts: 1, error: 'RuntimeError: boom' }),
    });
    await attempts.hover();
    await expect(page.getByRole('tooltip')).toContainText('RuntimeError: boom');
    await page.mouse.move(5, 5, { steps: 5 });
    await expect(page.getByRole('tooltip')).toHaveCount(0);
    await attempts.focus();
    await expect(page.getByRole('tooltip')).toContainText('RuntimeError: boom');
    await page.keyboard.press('Escape');
    await expect(page.getByRole('tooltip')).toHaveCount(0);
  },
);

test(
  'polls the jobs of a batch except while a row is expanded or polling is off',
  { tag: '@any-path' },
  async ({ page }) => {
    await page.clock.install();
    await site.open(page, `/batches/${batchId}`);
    let polls = 0;
    page.on('request', (request) => {
      if (request.url().includes(`/api/batches/${batchId}/jobs`)) polls += 1;
    });
    const pollsIn = async (ms: number) => {
      polls = 0;
      await page.clock.runFor(ms);
      return polls;
    };
    // A list below the visible area does not poll.
    await page.locator(`${MEMBERS} [data-job]`).last().scrollIntoViewIfNeeded();
    await expect.poll(() => pollsIn(6_000)).toBeGreaterThan(0);
    await chooseInterval(page, en('polling.offOption'));
    expect(await pollsIn(30_000)).toBe(0);
    await chooseInterval(page, en('polling.seconds', { seconds: 5 }));
    await page.locator(`${MEMBERS} [data-job]`).last().scrollIntoViewIfNeeded();
    await expect.poll(() => pollsIn(6_000)).toBeGreaterThan(0);
    const [id = ''] = await members();
    await page.getByRole('button', { name: en('jobs.showRaw', { id }) }).click();
    await expect(page.getByRole('group', { name: en('jobs.raw') })).toBeVisible();
    expect(await pollsIn(30_000)).toBe(0);
  },
);
