import { gzipSync } from 'node:zlib';
import type pg from 'pg';
import type { Locator, Page } from 'playwright/test';
import {
  DISCARDED,
  RUNNING,
  SUCCEEDED,
  insertBatch,
  insertExecution,
  insertJob,
  insertProcess,
} from '../test/harness/rows';
import { findAxeViolations } from './support/axe';
import { en, ja } from './support/messages';
import { visibleIds } from './support/paging';
import { useSite } from './support/site';
import { expect, test } from './support/test';

const BATCH = 'c0ffee00-0000-4000-8000-000000000001';
const HOSTILE = '<b onclick=x>"quoted" ＆ キュー';
const ago = (minutes: number) => new Date(Date.now() - minutes * 60_000).toISOString();

async function seed(db: pg.Client): Promise<void> {
  const { rows } = await db.query<{ pauses: string }>(
    `INSERT INTO good_job_settings (id, created_at, updated_at, key, value)
     VALUES (gen_random_uuid(), now(), now(), 'pauses', '{"queues": ["held"]}')
     RETURNING value::text AS pauses`,
  );
  expect(rows).toHaveLength(1);
  await insertProcess(db, {
    created_at: ago(20),
    state: JSON.stringify({
      schedulers: [{ queues: '*', max_threads: 6, active_threads: 5 }],
    }),
  });
  for (const minutes of [5, 6, 7, 8])
    await insertJob(db, { ...SUCCEEDED, job_class: 'DoneJob', finished_at: ago(minutes) });
  await insertJob(db, {
    ...DISCARDED,
    job_class: 'BrokenJob',
    error: 'BrokenError: no route',
    finished_at: ago(6),
  });
  const retried = await insertJob(db, { scheduled_at: ago(-30), error: 'E: x' });
  await insertExecution(db, retried, {
    queue_name: HOSTILE,
    created_at: ago(6),
    scheduled_at: ago(8),
    finished_at: ago(6),
    error: 'E: x',
    error_event: 3,
  });
  await insertJob(db, { queue_name: 'held', scheduled_at: ago(180) });
  await insertJob(db, {
    ...RUNNING,
    job_class: 'Exports::LongJob',
    performed_at: ago(45),
    locked_by_id: null,
  });
  await insertBatch(db, { id: BATCH, description: '見積書 PDF', created_at: ago(3) });
  for (const shape of [{}, SUCCEEDED, SUCCEEDED])
    await insertJob(db, { ...shape, batch_id: BATCH, queue_name: 'held', created_at: ago(200) });
  await db.query(
    `INSERT INTO good_job_console.audit_events
       (created_at, viewer, role, request_id, action, target_type, target_ids, target_name, counts,
        details, reason)
     VALUES (now() - interval '9 minutes', 'oncall', 'operator', 'x', 'pause.pause', 'queue', '{}',
             'held', '{"done": 1}', '{}', 'Provider refuses mail')`,
  );
}

const site = useSite('overview', { seed });

const section = (page: Page, name: string): Locator => page.locator(`[data-section="${name}"]`);
const figure = (page: Page, name: string): Locator => page.locator(`[data-figure="${name}"]`);
const plot = (page: Page): Locator => page.locator('[data-plot]');

test('the base path is the overview, with the state of everything', async ({ page }) => {
  await site.open(page, '');
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(en('overview.title'));
  await expect(
    page
      .getByRole('navigation', { name: en('nav.label') })
      .first()
      .getByRole('link', {
        name: en('nav.overview'),
      }),
  ).toHaveAttribute('aria-current', 'page');
  await expect(figure(page, 'threads')).toContainText('5 / 6');
  await expect(figure(page, 'oldest')).toContainText('held');
  await expect(figure(page, 'ready')).toContainText('2');
  await expect(figure(page, 'failureRate')).toContainText('%');
  await expect(section(page, 'causes')).toContainText('BrokenError: no route');
  await expect(section(page, 'causes')).toContainText(en('overview.causes.new'));
  await expect(section(page, 'heat')).toContainText('held');
  await expect(section(page, 'heat')).toContainText(HOSTILE);
  await expect(section(page, 'batches')).toContainText('見積書 PDF');
  await expect(section(page, 'batches')).toContainText(en('overview.batches.stalled'));
  await expect(section(page, 'running')).toContainText('Exports::LongJob');
  await expect(section(page, 'acts')).toContainText('Provider refuses mail');
  await expect(section(page, 'activity')).toContainText(
    en('overview.marks.pause', { viewer: 'oncall', name: 'held' }),
  );
  await expect(section(page, 'activity')).toContainText(en('overview.marks.workers', { count: 1 }));
});

test('the finding of a lost job is one link away', async ({ page }) => {
  await site.open(page, '');
  const pill = section(page, 'health').locator('[data-finding]').first();
  const kind = await pill.getAttribute('data-finding');
  await pill.click();
  await page.waitForURL(/\/attention#finding-/);
  await expect(page.locator(`[data-finding="${kind}"]`)).toBeVisible();
});

test('dragging over the chart lists the jobs that finished in that time', async ({ page }) => {
  await site.open(page, '');
  const area = await plot(page).boundingBox();
  if (!area) throw new Error('The chart has no area.');
  await page.mouse.move(area.x + area.width * 0.5, area.y + 100);
  await page.mouse.down();
  await page.mouse.move(area.x + area.width * 0.8, area.y + 100);
  await page.mouse.move(area.x + area.width * 0.99, area.y + 100);
  await page.mouse.up();
  await page.waitForURL(/\/jobs\?q=finished/);
  expect(new URL(page.url()).searchParams.get('q')).toMatch(/^finished:.+\.\..+$/);
  await expect.poll(() => visibleIds(page, 'job')).toHaveLength(5);
});

test('the keyboard selects bars and opens their jobs', { tag: '@any-path' }, async ({ page }) => {
  await site.open(page, '');
  await plot(page).focus();
  await page.keyboard.press('ArrowLeft');
  for (let n = 0; n < 20; n += 1) await page.keyboard.press('Shift+ArrowLeft');
  await page.keyboard.press('Enter');
  await page.waitForURL(/\/jobs\?q=finished/);
  await expect.poll(() => visibleIds(page, 'job')).toHaveLength(5);
});

test('one crosshair runs through all charts', { tag: '@any-path' }, async ({ page }) => {
  await site.open(page, '');
  await expect(page.locator('[data-crosshair]')).toHaveCount(0);
  const area = await plot(page).boundingBox();
  if (!area) throw new Error('The chart has no area.');
  await page.mouse.move(area.x + area.width / 2, area.y + 100);
  await expect(page.locator('[data-crosshair="30"]')).toHaveCount(1);
  await expect(figure(page, 'processed').locator('svg line')).toHaveCount(1);
  await expect(section(page, 'heat').locator('rect.stroke-ink').first()).toBeVisible();
  await page.mouse.move(5, 5);
  await expect(page.locator('[data-crosshair]')).toHaveCount(0);
});

test('the range is in the URL and changes all series', async ({ page }) => {
  await site.open(page, '');
  await page.getByRole('link', { name: en('overview.ranges.24h') }).click();
  await page.waitForURL(/\?range=24h$/);
  await expect(section(page, 'activity')).toContainText(
    en('overview.activity.title', { minutes: 15 }),
  );
  await page.reload();
  await expect(page.getByRole('link', { name: en('overview.ranges.24h') })).toHaveAttribute(
    'aria-current',
    'true',
  );
  await site.open(page, '?range=2h');
  await expect(page.getByRole('alert').filter({ hasText: '2h' })).toBeVisible();
  await expect(plot(page)).toHaveCount(0);
});

test('polling updates the figures', { tag: '@any-path' }, async ({ page }) => {
  await page.clock.install();
  await site.open(page, '');
  await expect(page.locator('[data-polling="on"]')).toBeVisible();
  await expect(figure(page, 'ready')).toContainText('2');
  const id = await insertJob(site.db, { queue_name: 'held', scheduled_at: ago(1) });
  // Polls until the server's cache of ten seconds has expired.
  await expect(async () => {
    await page.clock.runFor(6_000);
    await expect(figure(page, 'ready')).toContainText('3', { timeout: 1_000 });
  }).toPass({ timeout: 50_000 });
  await site.db.query('DELETE FROM good_jobs WHERE id = $1', [id]);
});

for (const [locale, t] of [
  ['en', en],
  ['ja', ja],
] as const)
  test.describe(`in ${locale}`, () => {
    test.use({ locale });

    test(`everything is readable without JavaScript in ${locale}`, async ({ browser }) => {
      const context = await browser.newContext({ javaScriptEnabled: false, locale });
      const page = await context.newPage();
      await page.goto(site.url(''));
      await expect(page.getByRole('heading', { level: 1 })).toHaveText(t('overview.title'));
      await expect(page.getByText(t('overview.activity.dragHint'))).toBeHidden();
      await page.locator('[data-table="activity"] summary').click();
      const rows = page.locator('[data-table="activity"] tbody tr');
      await expect(rows.first()).toBeVisible();
      await page.locator('[data-table="heat"] summary').click();
      await expect(page.locator('[data-table="heat"] th', { hasText: 'held' })).toBeVisible();
      await rows.first().getByRole('link').click();
      await expect(page).toHaveURL(/\/jobs\?q=finished/);
      await expect(page.locator('[data-job]').first()).toBeVisible();
      await context.close();
    });

    test(`passes axe and fits every width in ${locale}`, { tag: '@any-path' }, async ({ page }) => {
      test.setTimeout(120_000);
      for (const width of [390, 1024, 1440, 1920]) {
        await page.setViewportSize({ width, height: 900 });
        await site.open(page, '');
        if (width !== 1024) expect(await findAxeViolations(page), String(width)).toEqual([]);
        expect(
          await page.evaluate(() => document.documentElement.scrollWidth),
          String(width),
        ).toBeLessThanOrEqual(width);
      }
    });

    test(
      `the scripts of the page stay below their size limit in ${locale}`,
      { tag: '@any-path' },
      async ({ page }) => {
        const html = await (await page.request.get(site.url(''))).text();
        const tags = html.match(/<(?:script|link)\b[^>]*>/g) ?? [];
        const scripts = new Set(
          tags
            .filter(
              (tag) =>
                !/noModule/i.test(tag) &&
                (tag.startsWith('<script') || tag.includes('as="script"')),
            )
            .map((tag) => /(?:src|href)="([^"]+)"/.exec(tag)?.[1]),
        );
        const sizes = await Promise.all(
          [...scripts]
            .filter((src) => src !== undefined)
            .map(async (src) => {
              const url = new URL(src, site.server.origin).href;
              return gzipSync(await (await page.request.get(url)).body()).length;
            }),
        );
        expect(sizes.length).toBeGreaterThan(5);
        expect(sizes.reduce((a, b) => a + b, 0)).toBeLessThanOrEqual(220_000);
      },
    );
  });
