import type pg from 'pg';
import { DISCARDED, SUCCEEDED, insertBatch, insertJob } from '../test/harness/rows';
import { en } from './support/messages';
import { idsOn, walk } from './support/paging';
import { useSite } from './support/site';
import { expect, test } from './support/test';

let batchId = '';

/** 130 members, half of them created in one moment, and as many strangers between them. */
async function seed(db: pg.Client): Promise<void> {
  batchId = await insertBatch(db, { description: 'Nightly import' });
  const same = '2026-11-20T10:00:00.123456Z';
  for (let n = 0; n < 130; n += 1) {
    const created_at =
      n % 2 ? same : new Date(Date.UTC(2026, 10, 20, 10, 0, 0, n - 60)).toISOString();
    const job_class = n % 3 ? 'ImportRowJob' : 'Import::CheckJob';
    await insertJob(db, {
      batch_id: batchId,
      job_class,
      created_at,
      ...[SUCCEEDED, DISCARDED, {}][n % 5 === 0 ? 1 : n % 5 === 1 ? 2 : 0],
    });
    await insertJob(db, { created_at });
  }
}

const site = useSite('batch jobs', { seed });
const MEMBERS = `#content section[aria-labelledby="batched-jobs"]`;
const members = async (where = 'true') =>
  (
    await site.db.query<{ id: string }>(
      `SELECT id FROM good_jobs WHERE batch_id = $1 AND ${where} ORDER BY created_at DESC, coalesce(scheduled_at, created_at) DESC, id`,
      [batchId],
    )
  ).rows.map(({ id }) => id);

test('a batch of 130 jobs pages through all of them, once each, and back', async ({ page }) => {
  await site.open(page, `/batches/${batchId}`);
  const all = await members();
  const older = await walk(page, 'job', en('paging.older'), { within: MEMBERS });
  expect(older.flat()).toEqual(all);
  expect(older.map((rows) => rows.length)).toEqual([25, 25, 25, 25, 25, 5]);
  const newer = await walk(page, 'job', en('paging.newer'), { within: MEMBERS });
  expect(newer.reverse().flat()).toEqual(all);
});

test('its jobs are filtered in place, by state and by class', async ({ page }) => {
  await site.open(page, `/batches/${batchId}`);
  const form = page.getByRole('form', { name: en('filter.label') });
  await form.getByLabel(en('jobs.state')).selectOption('discarded');
  await form.getByRole('button', { name: en('filter.apply') }).click();
  await page.waitForURL(/state=discarded/);
  expect(await idsOn(page, 'job', MEMBERS)).toEqual(
    (await members('finished_at IS NOT NULL AND error IS NOT NULL')).slice(0, 25),
  );
  await expect(form.getByLabel(en('jobs.state'))).toHaveValue('discarded');

  await form.getByLabel(en('jobs.class')).fill('Import::CheckJob');
  await page.keyboard.press('Enter');
  await page.waitForURL(/job_class=Import/);
  const both = await members(
    `finished_at IS NOT NULL AND error IS NOT NULL AND job_class = 'Import::CheckJob'`,
  );
  expect(both.length).toBeGreaterThan(3);
  expect(await idsOn(page, 'job', MEMBERS)).toEqual(both.slice(0, 25));

  await page.getByRole('link', { name: en('filter.clear') }).click();
  await expect.poll(() => idsOn(page, 'job', MEMBERS)).toEqual((await members()).slice(0, 25));
});

test('a class that the batch does not have gives an empty list, not a wider one', async ({
  page,
}) => {
  await site.open(page, `/batches/${batchId}?job_class=NoSuchJob`);
  await expect(page.locator(MEMBERS)).toContainText(en('jobs.empty'));
  expect(await idsOn(page, 'job', MEMBERS)).toEqual([]);
});

test('the counts lead to the jobs that they count', async ({ page }) => {
  await site.open(page, `/batches/${batchId}`);
  const status = page.getByRole('region', { name: en('batch.status') });
  const queued = await members('finished_at IS NULL');
  await expect(status).toContainText(en('batch.exact'));
  await expect(status).toContainText(
    en('batches.doneOf', { done: String(130 - queued.length), total: '130' }),
  );
  await status.getByRole('link', { name: `${en('states.queued')} ${queued.length}` }).click();
  await page.waitForURL(/state=queued/);
  await expect.poll(() => idsOn(page, 'job', MEMBERS)).toEqual(queued.slice(0, 25));
});

test(
  'an attempt that failed tells its error on hover and on focus',
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
  'the list refreshes, but not while something is unfolded or the switch in the header is off',
  { tag: '@any-path' },
  async ({ page }) => {
    await page.clock.install();
    await site.open(page, `/batches/${batchId}`);
    let polls = 0;
    page.on(
      'request',
      (request) => (polls += request.url().includes(`/api/batches/${batchId}/jobs`) ? 1 : 0),
    );
    const pollsIn = async (ms: number) => {
      polls = 0;
      await page.clock.runFor(ms);
      return polls;
    };
    // What is below the edge of the screen is not asked for.
    await page.locator(MEMBERS).scrollIntoViewIfNeeded();
    await expect.poll(() => pollsIn(6_000)).toBeGreaterThan(0);
    const live = page.getByRole('combobox', { name: en('live.label') });
    await live.selectOption(en('live.never'));
    expect(await pollsIn(30_000)).toBe(0);
    await live.selectOption(en('live.seconds', { seconds: 5 }));
    await expect.poll(() => pollsIn(6_000)).toBeGreaterThan(0);
    const [id = ''] = await members();
    await page.getByRole('button', { name: en('jobs.showRaw', { id }) }).click();
    await expect(page.getByRole('group', { name: en('jobs.raw') })).toBeVisible();
    expect(await pollsIn(30_000)).toBe(0);
  },
);
