import { gzipSync } from 'node:zlib';
import type pg from 'pg';
import type { Page } from 'playwright/test';
import { DISCARDED, RUNNING, SUCCEEDED, insertJob, serializedParams } from '../test/harness/rows';
import { findAxeViolations } from './support/axe';
import { en } from './support/messages';
import { visibleIds } from './support/paging';
import { useSite } from './support/site';
import { expect, test } from './support/test';

const ids = Array.from(
  { length: 30 },
  (_, n) => `c0ffee00-0000-4000-8000-0000000001${String(n).padStart(2, '0')}`,
);
const id = (n: number) => ids[n] ?? '';

/**
 * 30 queued jobs, newest first, with ascending priorities, and one discarded and one running job.
 */
async function seed(db: pg.Client): Promise<void> {
  for (const [n, jobId] of ids.entries()) {
    const at = new Date(Date.UTC(2026, 0, 1, 0, 60 - n)).toISOString();
    await insertJob(db, {
      id: jobId,
      created_at: at,
      scheduled_at: at,
      priority: n,
      serialized_params: serializedParams(jobId, {
        arguments: [{ invoice_id: 4700 + n, lines: [] }],
      }),
    });
  }
  await insertJob(db, {
    id: 'c0ffee00-0000-4000-8000-0000000002ff',
    ...DISCARDED,
    error_event: 4,
    labels: ['nightly & co'],
    error: `Net::ReadTimeout: ${'x'.repeat(400)} END`,
    created_at: '2020-01-01T00:00:00Z',
    serialized_params: serializedParams('x', { arguments: ['日本語'] }),
  });
  await insertJob(db, { ...RUNNING, created_at: '2020-01-02T00:00:00Z' });
}

const site = useSite('jobs list', { seed });
const head = (page: Page, column: 'created' | 'priority' | 'wait' | 'scheduled') =>
  page.getByRole('columnheader', { name: en(`jobs.columns.${column}`) });

test(
  'column headers sort in both directions and announce the order',
  { tag: '@any-path' },
  async ({ page }) => {
    await site.open(page, '/jobs?state=queued&columns=queue,priority,created,time,state');
    // The time is the one that the list is sorted by, and is named so.
    await expect(head(page, 'scheduled')).toHaveAttribute('aria-sort', 'ascending');
    expect((await visibleIds(page, 'job'))[0]).toBe(id(29));
    await head(page, 'priority').getByRole('link').click();
    await expect(head(page, 'priority')).toHaveAttribute('aria-sort', 'ascending');
    await expect.poll(async () => (await visibleIds(page, 'job'))[0]).toBe(id(0));
    await head(page, 'priority').getByRole('link').click();
    await expect(head(page, 'priority')).toHaveAttribute('aria-sort', 'descending');
    await expect.poll(async () => (await visibleIds(page, 'job'))[0]).toBe(id(29));
    await expect(head(page, 'scheduled')).not.toHaveAttribute('aria-sort', /./);
    await page
      .getByRole('combobox', { name: en('sort.label') })
      .selectOption(en('sort.newest', { column: en('jobs.columns.created') }));
    await page.waitForURL(/sort=-created/);
    await expect.poll(async () => (await visibleIds(page, 'job'))[0]).toBe(id(0));
    // A column without a sorted index is not a link.
    await expect(
      page.getByRole('columnheader', { name: en('jobs.columns.queue') }).getByRole('link'),
    ).toHaveCount(0);
  },
);

test(
  'remembers chosen columns, including a path of the arguments',
  { tag: '@any-path' },
  async ({ page }) => {
    await site.open(page, '/jobs?state=queued&limit=3');
    const menu = page.getByRole('button', { name: en('columnMenu.label') });
    await menu.click();
    await page.getByLabel(en('jobs.columns.labels'), { exact: true }).uncheck();
    await expect(page.getByRole('columnheader', { name: en('jobs.columns.labels') })).toHaveCount(
      0,
    );
    await page.getByLabel(en('columnMenu.path')).fill('no path');
    await page.keyboard.press('Enter');
    await expect(page.getByText(en('columnMenu.badPath'))).toBeVisible();
    await page.getByLabel(en('columnMenu.path')).fill('args.0.invoice_id');
    await page.keyboard.press('Enter');
    await expect(page.getByRole('columnheader', { name: 'args.0.invoice_id' })).toBeVisible();
    await expect(page.locator(`[data-job="${id(29)}"]`)).toContainText('4729');
    await site.open(page, '/jobs?state=queued&limit=3');
    await expect(page.getByRole('columnheader', { name: 'args.0.invoice_id' })).toBeVisible();
    await expect(page.getByRole('columnheader', { name: en('jobs.columns.labels') })).toHaveCount(
      0,
    );
    await menu.click();
    await page.getByRole('button', { name: en('columnMenu.reset') }).click();
    await expect(page.getByRole('columnheader', { name: 'args.0.invoice_id' })).toHaveCount(0);
    await expect(page.getByRole('columnheader', { name: en('jobs.columns.labels') })).toBeVisible();
  },
);

test('a discarded row shows its error event, and its label links to a filtered list', async ({
  page,
}) => {
  await site.open(page, '/jobs?state=discarded');
  const row = page.locator('[data-job="c0ffee00-0000-4000-8000-0000000002ff"]');
  await expect(row).toContainText(en('errorEvents.retry_stopped'));
  await expect(row.getByText(/^Net::ReadTimeout/)).toBeVisible();
  await row.getByRole('link', { name: 'nightly & co' }).click();
  await expect(page).toHaveURL(/state=discarded&label=nightly\+%26\+co$/);
  await expect(page.locator('[data-job]')).toHaveCount(1);
  await site.open(page, '/jobs?label=other');
  await expect(page.locator('[data-job]')).toHaveCount(0);
});

test('selects single rows, a range and all rows', async ({ page }) => {
  await site.open(page, '/jobs?state=queued');
  const box = (n: number) =>
    page.getByRole('checkbox', { name: en('jobs.select', { id: id(29 - n) }) });
  const selectedRows = page.locator('[data-job] input:checked');
  await box(2).click();
  await expect(selectedRows).toHaveCount(1);
  await expect(page.getByText(en('jobs.selected', { count: 1, number: '1' }))).toBeAttached();
  await box(6).click({ modifiers: ['Shift'] });
  await expect(selectedRows).toHaveCount(5);
  await box(4).click({ modifiers: ['Shift'] });
  await expect(selectedRows).toHaveCount(2);
  const all = page.getByRole('checkbox', { name: en('jobs.selectAll') });
  expect(await all.evaluate((input: HTMLInputElement) => input.indeterminate)).toBe(true);
  await all.click();
  await expect(selectedRows).toHaveCount(25);
  // The bar floats, so that it stays in reach far down the list.
  await page.locator('[data-job]').last().scrollIntoViewIfNeeded();
  await expect(
    page
      .getByRole('region', { name: en('bulk.bar') })
      .getByRole('button', { name: en('actions.discard.menu') }),
  ).toBeInViewport();
  await page.getByRole('button', { name: en('jobs.selectNone') }).click();
  await expect(selectedRows).toHaveCount(0);
});

test("shows a time slightly ahead of the viewer's clock as now", async ({ page }) => {
  const jobId = await insertJob(site.db, {
    ...SUCCEEDED,
    finished_at: new Date(Date.now() + 4_000).toISOString(),
  });
  await site.open(page, '/jobs?state=succeeded');
  await expect(page.locator(`[data-job="${jobId}"] time`).first()).toHaveText(en('time.now'));
  await site.db.query('DELETE FROM good_jobs WHERE id = $1', [jobId]);
});

test('changes the number of rows per page', async ({ page }) => {
  await site.open(page, '/jobs');
  expect(await visibleIds(page, 'job')).toHaveLength(25);
  await page
    .getByRole('navigation', { name: en('paging.sizes') })
    .getByRole('link', { name: '50' })
    .click();
  await expect.poll(() => visibleIds(page, 'job')).toHaveLength(32);
});

test('tabs and list show their number of jobs', { tag: '@any-path' }, async ({ page }) => {
  await site.open(page, '/jobs?state=queued');
  await expect(page.getByRole('link', { name: `${en('states.queued')} 30` })).toHaveAttribute(
    'aria-current',
    'page',
  );
  await expect(page.getByRole('link', { name: `${en('states.all')} 32` })).toBeVisible();
  await expect(
    page.getByText(en('counts.jobs.exact', { count: 30, number: '30' })),
  ).toHaveAttribute('title', en('counts.exact'));
});

test('an empty list suggests what to do', { tag: '@any-path' }, async ({ page }) => {
  await site.open(page, '/jobs?state=discarded&q=class%3ANothing');
  await expect(page.locator('main')).toContainText(en('jobs.emptyQuery'));
  await page.getByRole('link', { name: en('jobs.allStates') }).click();
  await page.waitForURL((url) => !url.searchParams.has('state'));
  await page.getByRole('link', { name: en('jobs.clearSearch') }).click();
  await expect.poll(() => visibleIds(page, 'job')).toHaveLength(25);
  await site.open(page, '/jobs?state=scheduled');
  await expect(page.locator('main')).toContainText(en('jobs.emptyState'));
});

test(
  'the HTML and the scripts of the page stay below their size limits',
  { tag: '@any-path' },
  async ({ page }) => {
    for (const locale of ['en', 'ja']) {
      const response = await page.request.get(site.url(`/jobs?locale=${locale}`));
      const html = await response.text();
      expect(Buffer.byteLength(html)).toBeLessThanOrEqual(120_000);
      const tags = html.match(/<(?:script|link)\b[^>]*>/g) ?? [];
      const scripts = new Set(
        tags
          .filter(
            (tag) =>
              !/noModule/i.test(tag) && (tag.startsWith('<script') || tag.includes('as="script"')),
          )
          .map((tag) => /(?:src|href)="([^"]+)"/.exec(tag)?.[1]),
      );
      const sizes = await Promise.all(
        [...scripts]
          .filter((src) => src !== undefined)
          .map(
            async (src) =>
              gzipSync(await (await page.request.get(new URL(src, site.server.origin).href)).body())
                .length,
          ),
      );
      expect(sizes.length).toBeGreaterThan(5);
      expect(sizes.reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(200_000);
    }
  },
);

test('a list with selection and a preview passes axe', { tag: '@any-path' }, async ({ page }) => {
  await site.open(
    page,
    '/jobs?state=queued&columns=queue,priority,labels,attempts,created,error,cron,args.0.invoice_id,time,state',
  );
  await page.getByRole('checkbox', { name: en('jobs.select', { id: id(29) }) }).click();
  await expect(page.getByRole('region', { name: en('bulk.bar') })).toBeVisible();
  expect(await findAxeViolations(page)).toEqual([]);
  await page
    .locator(`[data-job="${id(28)}"]`)
    .getByRole('link', { name: 'TestJob' })
    .click();
  const preview = page.getByRole('complementary', { name: en('preview.label') });
  await expect(preview.getByRole('group', { name: en('job.arguments') })).toBeVisible();
  expect(await findAxeViolations(page)).toEqual([]);
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: en('columnMenu.label') }).click();
  await expect(page.getByLabel(en('columnMenu.path'))).toBeVisible();
  expect(await findAxeViolations(page, { floating: true }), 'columns').toEqual([]);
});
