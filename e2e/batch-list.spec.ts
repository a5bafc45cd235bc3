import type pg from 'pg';
import {
  DISCARDED,
  RUNNING,
  SUCCEEDED,
  insertBatch,
  insertJob,
  insertProcess,
} from '../test/harness/rows';
import { en, ja } from './support/messages';
import { visibleIds, collectPages } from './support/paging';
import { useSite } from './support/site';
import { expect, test } from './support/test';

const STATES = {
  pending: 'enqueued_at IS NULL AND finished_at IS NULL',
  running: 'enqueued_at IS NOT NULL AND finished_at IS NULL',
  finished: 'finished_at IS NOT NULL',
  discarded: 'discarded_at IS NOT NULL',
} as const;

async function seed(db: pg.Client): Promise<void> {
  const day = (n: number) => new Date(Date.UTC(2026, 8, 1, 0, 0, n)).toISOString();
  for (let n = 0; n < 64; n += 1) {
    // Three batches share each created_at, so that page boundaries fall within equal times.
    const created_at = day(Math.floor(n / 3));
    const shape = [
      { enqueued_at: null },
      {},
      { finished_at: created_at, jobs_finished_at: created_at },
      { discarded_at: created_at },
    ][n % 4];
    await insertBatch(db, {
      created_at,
      description: n % 5 ? `Import ${n}` : null,
      on_finish: n % 2 ? 'ImportDoneJob' : null,
      ...shape,
    });
  }
}

const site = useSite('batch list', { seed });
const ordered = async (where = 'true') =>
  (
    await site.db.query<{ id: string }>(
      `SELECT id FROM good_job_batches WHERE ${where} ORDER BY created_at DESC, id DESC`,
    )
  ).rows.map(({ id }) => id);

test('pages through all batches and back while new ones are created', async ({ page }) => {
  const before = await ordered();
  await site.open(page, '/batches');
  const olderPages = await collectPages(page, 'batch', en('paging.older'), {
    between: async () => void (await insertBatch(site.db, { description: 'Newcomer' })),
  });
  expect(olderPages.flat()).toEqual(before);
  expect(olderPages.map((rows) => rows.length)).toEqual([25, 25, 14]);

  const after = await ordered();
  const newerPages = await collectPages(page, 'batch', en('paging.newer'));
  expect(newerPages.reverse().flat()).toEqual(after);
  await page.getByRole('link', { name: en('paging.older'), exact: true }).click();
  await page.getByRole('link', { name: en('paging.first'), exact: true }).click();
  await expect.poll(() => visibleIds(page, 'batch')).toEqual(after.slice(0, 25));
});

test('a shared URL of a page shows the same rows after its cursor row was deleted', async ({
  page,
}) => {
  await site.open(page, '/batches');
  await page.getByRole('link', { name: en('paging.older'), exact: true }).click();
  await page.waitForURL(/after_id=/);
  await expect(page.getByRole('link', { name: en('paging.newer'), exact: true })).toBeVisible();
  const rows = await visibleIds(page, 'batch');
  await site.db.query('DELETE FROM good_job_batches WHERE id = $1', [
    new URL(page.url()).searchParams.get('after_id'),
  ]);
  await page.reload();
  expect(await visibleIds(page, 'batch')).toEqual(rows);
});

for (const [state, where] of Object.entries(STATES) as [keyof typeof STATES, string][]) {
  test(`the ${state} tab lists only ${state} batches`, { tag: '@any-path' }, async ({ page }) => {
    await site.open(page, '/batches');
    await page
      .getByRole('navigation', { name: en('jobs.tabs') })
      .getByRole('link', { name: en(`batchStates.${state}`), exact: true })
      .click();
    await page.waitForURL(new RegExp(`state=${state}$`));
    const expected = await ordered(where);
    await expect.poll(() => visibleIds(page, 'batch')).toEqual(expected.slice(0, 25));
    await expect(
      page.getByRole('link', { name: en(`batchStates.${state}`), exact: true }),
    ).toHaveAttribute('aria-current', 'page');
  });
}

test(
  'a polled batch row shows description, callback, times and job counts',
  { tag: '@any-path' },
  async ({ page }) => {
    const { db } = site;
    const id = await insertBatch(db, {
      description: '月次請求 <b>2026-11</b>',
      on_finish: 'Billing::DoneJob',
      created_at: new Date(Date.now() + 60_000).toISOString(),
    });
    const worker = await insertProcess(db);
    for (const shape of [SUCCEEDED, SUCCEEDED, DISCARDED, RUNNING, {}])
      await insertJob(db, { batch_id: id, ...shape });
    await site.open(page, '/batches');
    const row = page.locator(`[data-batch="${id}"]`);
    await expect(row.getByRole('link', { name: '月次請求 <b>2026-11</b>' })).toBeVisible();
    for (const text of [
      id,
      `${en('batches.onFinish')}: Billing::DoneJob`,
      en('batchStates.running'),
      en('batches.doneOf', { done: '3', total: '5' }),
      `${en('states.succeeded')} 2`,
      `${en('states.running')} 1`,
    ])
      await expect(row).toContainText(text);
    await expect(
      row.getByRole('img', { name: en('batch.progressLabel', { done: '3', total: '5' }) }),
    ).toBeVisible();

    // The row polls: changes in the database appear without a reload.
    await db.query(
      `UPDATE good_jobs
        SET finished_at = now(), performed_at = now()
        WHERE batch_id = $1 AND finished_at IS NULL`,
      [id],
    );
    await expect(row).toContainText(en('batches.doneOf', { done: '5', total: '5' }), {
      timeout: 15_000,
    });
    await db.query('DELETE FROM good_job_processes WHERE id = $1', [worker]);
    await row.getByRole('link', { name: /月次請求/ }).click();
    await expect(
      page.getByRole('heading', { level: 1, name: '月次請求 <b>2026-11</b>' }),
    ).toBeVisible();
  },
);

test(
  'the parameter limit sets the batches per page and stays in the page links',
  { tag: '@any-path' },
  async ({ page }) => {
    await site.open(page, '/batches?limit=10');
    const all = await ordered();
    expect(await visibleIds(page, 'batch')).toEqual(all.slice(0, 10));
    await page.getByRole('link', { name: en('paging.older'), exact: true }).click();
    await page.waitForURL(/after_id=/);
    await expect.poll(() => visibleIds(page, 'batch')).toEqual(all.slice(10, 20));
    await site.open(page, '/batches?limit=none');
    await expect(page.locator('main')).toContainText('limit = none');
    expect(await visibleIds(page, 'batch')).toEqual([]);
  },
);

for (const javaScriptEnabled of [true, false])
  test.describe(javaScriptEnabled ? 'with JavaScript' : 'without JavaScript', () => {
    test.use({ javaScriptEnabled });

    test('finds a batch by description, callback class and property', async ({ page }) => {
      const id = await insertBatch(site.db, {
        description: '月次請求書の発行',
        on_success: 'Billing::LedgerJob',
        serialized_properties: '{"customer": "acme-4711", "password": "zq7kxw9vjt3m"}',
      });
      for (const q of ['請求書', 'ledgerjob', 'ACME-4711 月次']) {
        await page.goto(site.url('/batches'));
        await page.getByRole('searchbox', { name: en('batches.search') }).fill(q);
        await page.keyboard.press('Enter');
        await page.waitForURL(/q=/);
        await expect.poll(() => visibleIds(page, 'batch'), q).toEqual([id]);
        await expect(page.getByRole('searchbox', { name: en('batches.search') })).toHaveValue(q);
      }
      const tabs = page.getByRole('navigation', { name: en('jobs.tabs') });
      await tabs.getByRole('link', { name: en('batchStates.finished'), exact: true }).click();
      await page.waitForURL(/state=finished/);
      await expect(page.locator('main')).toContainText(en('batches.empty'));
      await page.getByRole('link', { name: en('filter.clear') }).click();
      await expect.poll(async () => (await visibleIds(page, 'batch')).length).toBeGreaterThan(3);
      for (const q of ['zq7kxw9v', 'zq7k']) {
        await page.goto(site.url(`/batches?${new URLSearchParams({ q })}`));
        expect(await visibleIds(page, 'batch'), q).toEqual([]);
      }
      await site.db.query('DELETE FROM good_job_batches WHERE id = $1', [id]);
    });
  });

test('says what each unfinished batch waits for, in both languages', async ({ page }) => {
  const hanging = await insertBatch(site.db);
  await insertJob(site.db, { batch_id: hanging, ...SUCCEEDED });
  const unserved = await insertBatch(site.db);
  await insertJob(site.db, { batch_id: unserved });
  for (const [locale, translate] of [
    ['en', en],
    ['ja', ja],
  ] as const) {
    await site.open(page, `/batches?limit=100&locale=${locale}`);
    const row = (id: string) => page.locator(`[data-batch="${id}"]`);
    await expect(row(hanging)).toContainText(translate('stuck.short.never_completes'));
    await expect(row(unserved)).toContainText(translate('stuck.short.no_process'));
  }
});
