import type { Page } from 'playwright/test';
import {
  DISCARDED,
  insertBatch,
  insertExecution,
  insertJob,
  serializedParams,
} from '../test/harness/rows';
import { openDisplaySettings, openZones } from './support/frame';
import { MESSAGES, en, ja } from './support/messages';
import { startSite, useSite } from './support/site';
import { expect, test } from './support/test';

const BATCH = 'c0ffee00-0000-4000-8000-00000000000b';
const JOB = 'c0ffee00-0000-4000-8000-00000000000a';
const at = '2026-11-20T10:00:00Z';

/** Rows without English words, so that any English on a Japanese page comes from the console. */
const site = useSite('languages', {
  sql: ['DROP INDEX index_good_jobs_on_created_at'],
  consoleSchema: false,
  async seed(db) {
    await insertBatch(db, {
      id: BATCH,
      description: '月次請求',
      on_finish: 'Kanryo',
      discarded_at: at,
    });
    const id = JOB;
    await insertJob(db, {
      id,
      batch_id: BATCH,
      ...DISCARDED,
      job_class: 'Seikyu',
      queue_name: 'q1',
      labels: ['至急'],
      cron_key: 'k1',
      concurrency_key: 'k2',
      error: 'E: 失敗',
      created_at: at,
      serialized_params: serializedParams(id, { arguments: [1], queue_name: 'q1' }),
    });
    await insertExecution(db, id, {
      created_at: at,
      scheduled_at: at,
      finished_at: at,
      duration: 'PT1.5S',
      serialized_params: serializedParams(id),
      error: 'E: 失敗',
      error_event: 1,
      error_backtrace: ['/app/a.rb:1', '/usr/gems/b/b.rb:2'],
    });
    await insertJob(db, { batch_callback_id: BATCH, job_class: 'Kanryo', queue_name: 'q1' });
  },
});

const heading = (page: Page) => page.getByRole('heading', { level: 1 });

test('the locale comes from the URL, then the cookie, then the browser, then the default', async ({
  browser,
}) => {
  const context = await browser.newContext({ locale: 'ja-JP' });
  const page = await context.newPage();
  await page.goto(site.url('/jobs'));
  await expect(heading(page)).toHaveText(ja('jobs.title'));
  expect(await page.locator('html').getAttribute('lang')).toBe('ja');
  await context.addCookies([{ name: 'gjc_locale', value: 'en', url: site.server.origin }]);
  await page.goto(site.url('/jobs'));
  await expect(heading(page)).toHaveText(en('jobs.title'));
  await page.goto(site.url('/jobs?locale=ja'));
  await expect(heading(page)).toHaveText(ja('jobs.title'));
  await page.goto(site.url('/jobs?locale=fr'));
  await expect(heading(page)).toHaveText(en('jobs.title'));
  await context.close();

  const french = await browser.newContext({ locale: 'fr-FR' });
  const englishPage = await french.newPage();
  await englishPage.goto(site.url('/jobs'));
  await expect(heading(englishPage)).toHaveText(en('jobs.title'));
  await french.close();
});

test('the language switch keeps the URL and is remembered', async ({ page }) => {
  await site.open(page, `/batches/${BATCH}?state=discarded&job_class=Seikyu`);
  await page.getByRole('link', { name: '日本語' }).click();
  await expect(page.getByRole('heading', { name: ja('batch.attributes') })).toBeVisible();
  expect(page.url()).toBe(site.url(`/batches/${BATCH}?state=discarded&job_class=Seikyu`));
  await expect(page.locator(`[data-job="${JOB}"]`)).toBeVisible();
  await site.open(page, '/jobs');
  await expect(heading(page)).toHaveText(ja('jobs.title'));
  // A link with another locale does not change the remembered one.
  await site.open(page, '/jobs?locale=en&state=discarded');
  await page.getByRole('link', { name: '日本語' }).click();
  await expect(heading(page)).toHaveText(ja('jobs.title'));
  expect(page.url()).toBe(site.url('/jobs?state=discarded'));
});

const details = (page: Page) => page.getByRole('region', { name: en('job.details') });
const choice = (page: Page, name: string) => page.getByRole('link', { name, exact: true });

test('remembers and marks the chosen theme, row height and time zone', async ({ page }) => {
  await site.open(page, `/jobs/${JOB}`);
  const background = () =>
    page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
  const light = await background();
  await openDisplaySettings(page);
  await choice(page, en('prefs.themes.dark')).click();
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
  expect(await background()).not.toBe(light);
  await expect(choice(page, en('prefs.themes.dark'))).toHaveAttribute('aria-current', 'true');
  await choice(page, en('prefs.densities.compact')).click();
  await expect(page.locator('html')).toHaveAttribute('data-density', 'compact');
  await page.keyboard.press('Escape');

  await expect(details(page)).toContainText('2026-11-20 10:00:00 UTC');
  await openZones(page);
  await choice(page, 'JST – Asia/Tokyo').click();
  await expect(details(page)).toContainText('2026-11-20 19:00:00 JST');
  await openZones(page);
  await expect(choice(page, 'JST – Asia/Tokyo')).toHaveAttribute('aria-current', 'true');
  await site.open(page, `/jobs/${JOB}?locale=ja`);
  await expect(page.getByRole('region', { name: ja('job.details') })).toContainText(
    '2026/11/20 19:00:00 JST',
  );
  await expect(page.locator('html')).toHaveAttribute('data-theme', 'dark');
  await expect(page.locator('html')).toHaveAttribute('data-density', 'compact');
});

test(
  'closes the display settings on Escape and on an outside click',
  { tag: '@any-path' },
  async ({ page }) => {
    await site.open(page, '/jobs');
    const panel = choice(page, en('prefs.themes.dark'));
    const settings = await openDisplaySettings(page);
    await expect(panel).toBeVisible();
    await page.keyboard.press('Escape');
    await expect(panel).toBeHidden();
    await expect(settings).toBeFocused();
    await settings.click();
    await settings.click();
    await expect(panel, 'a click on the button of an open panel closes it').toBeHidden();
    await settings.click();
    await page.locator('main').click({ position: { x: 5, y: 5 } });
    await expect(panel).toBeHidden();
  },
);

test.describe('in another zone', () => {
  test.use({ timezoneId: 'America/New_York' });

  test(
    'uses the time zone of the browser from the second page on',
    { tag: '@any-path' },
    async ({ page }) => {
      await site.open(page, `/jobs?state=discarded`);
      await expect(page.locator('.sidebar')).toContainText('UTC');
      await expect(page.locator('[data-polling]')).toBeVisible();
      await page.keyboard.press('Control+k');
      await page.getByRole('dialog').getByRole('combobox').fill(JOB);
      await page.getByRole('option', { name: 'Seikyu' }).click();
      await expect(details(page)).toContainText('2026-11-20 05:00:00 EST');
      await expect(page.locator('.sidebar')).toContainText('EST');
      await page.reload();
      await expect(details(page)).toContainText('2026-11-20 05:00:00 EST');
    },
  );

  test(
    'prefers the chosen time zone to the one of the browser until it is automatic again',
    { tag: '@any-path' },
    async ({ page }) => {
      await site.open(page, `/jobs/${JOB}?_time_zone=Asia/Tokyo`);
      await expect(details(page)).toContainText('2026-11-20 19:00:00 JST');
      await openZones(page);
      await choice(page, en('prefs.automaticZone')).click();
      await expect(details(page)).toContainText('2026-11-20 05:00:00 EST');
      await openZones(page);
      await choice(page, en('prefs.browserZone', { zone: 'EST – America/New_York' })).click();
      await expect(details(page)).toContainText('2026-11-20 05:00:00 EST');
    },
  );

  test(
    'prefers TIME_ZONE to the time zone of the browser',
    { tag: '@any-path' },
    async ({ page, basePath }) => {
      const fixed = await startSite('fixed zone', basePath, { env: { TIME_ZONE: 'Asia/Tokyo' } });
      const id = await insertJob(fixed.db, { created_at: at });
      for (let n = 0; n < 2; n += 1) {
        await fixed.open(page, `/jobs/${id}`);
        await expect(details(page)).toContainText('2026-11-20 19:00:00 JST');
      }
      await fixed.stop();
    },
  );
});

/** All English texts with words, without those that are the same in Japanese. */
function englishTexts(): Set<string> {
  const texts = (node: unknown): string[] =>
    typeof node === 'object' && node !== null ? Object.values(node).flatMap(texts) : [String(node)];
  const sharedTexts = new Set(texts(MESSAGES.ja));
  return new Set(
    texts(MESSAGES.en).filter((text) => /[a-z]{3}/i.test(text) && !sharedTexts.has(text)),
  );
}

test(
  'no Japanese page contains English text of the console',
  { tag: '@any-path' },
  async ({ page, problems }) => {
    problems.allowStatus(404);
    const english = englishTexts();
    const pages = [
      '/jobs',
      '/jobs?state=bogus',
      '/jobs?state=running',
      `/jobs/${JOB}?raw=1`,
      `/jobs/${JOB}/retry`,
      `/jobs/${JOB}/destroy`,
      '/batches',
      '/batches?state=pending',
      `/batches/${BATCH}`,
      `/batches/${BATCH}/retry`,
      '/nothing',
      `/jobs?did=retry&outcome=locked`,
    ];
    for (const path of pages) {
      await site.open(page, `${path}${path.includes('?') ? '&' : '?'}locale=ja`);
      for (const button of await page.locator('main [aria-haspopup="menu"]').all()) {
        await button.click();
        await expect(page.locator('[role=menu]:focus-within')).toHaveCount(1);
        await page.keyboard.press('Escape');
      }
      const pageTexts = await page.evaluate(() => {
        const collected: string[] = [document.title];
        const walker = document.createTreeWalker(
          document.body,
          NodeFilter.SHOW_TEXT | NodeFilter.SHOW_ELEMENT,
        );
        for (let node = walker.nextNode(); node; node = walker.nextNode()) {
          if (node instanceof Element)
            for (const name of ['aria-label', 'title', 'placeholder', 'alt'])
              collected.push(node.getAttribute(name) ?? '');
          else if (!node.parentElement?.closest('script, style, pre, [lang=en]'))
            collected.push(node.textContent ?? '');
        }
        return collected.map((text) => text.trim()).filter(Boolean);
      });
      expect(
        pageTexts.filter((text) => english.has(text)),
        path,
      ).toEqual([]);
      // No text composed at runtime has English words either.
      const allowed = new RegExp(
        'GoodJob|Rails コンソール|CSV|NDJSON|Console|cron|JSON|UTC|JST|npm run setup|bin/rails|' +
          'good_job|add_index|' +
          'on_(finish|success|discard)|Seikyu|Kanryo|English|https?:|did=|[0-9a-f]{8}-|\\.rb:|' +
          'bogus|URL|Rails|enqueue|state|args\\.|DATABASE_URL|RuntimeError|created_at|Ctrl|Shift|^[0-9a-f]{8}$',
      );
      expect(
        pageTexts.filter((text) => /[A-Za-z]{3}/.test(text) && !allowed.test(text)),
        path,
      ).toEqual([]);
    }
  },
);

test(
  'formats numbers, plurals and durations for each language',
  { tag: '@any-path' },
  async ({ page }) => {
    const id = await insertBatch(site.db, {
      enqueued_at: '2026-11-20T10:00:00Z',
      jobs_finished_at: '2026-11-20T13:25:00Z',
      finished_at: '2026-11-20T13:25:00Z',
    });
    await site.db.query(
      `INSERT INTO good_jobs
         (id, active_job_id, job_class, queue_name, priority, serialized_params, batch_id,
          performed_at, finished_at, scheduled_at, created_at, updated_at)
       SELECT u, u, 'Seikyu', 'q1', 0, '{}', $1, now(), now(), now(), now(), now()
       FROM (SELECT gen_random_uuid() AS u FROM generate_series(1, 12345)) n`,
      [id],
    );
    await site.open(page, `/batches/${id}?locale=ja`);
    await expect(page.getByRole('region', { name: ja('batch.status') })).toContainText(
      '12,345件中12,345件終了',
    );
    await expect(page.getByRole('region', { name: ja('batch.status') })).toContainText(
      ja('duration.h', { h: 3, min: 25 }),
    );
    await site.open(page, `/batches/${id}?locale=en`);
    await expect(page.getByRole('region', { name: en('batch.status') })).toContainText(
      '12,345 of 12,345 done',
    );
    await expect(page.getByRole('region', { name: en('batch.status') })).toContainText(
      '3 h 25 min',
    );
  },
);
