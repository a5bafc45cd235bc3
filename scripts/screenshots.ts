import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import pg from 'pg';
import { type Page, chromium } from 'playwright';
import { browserFlags, ensureBrowser } from '../e2e/support/browser';
import { startConsole } from '../e2e/support/console-server';
import { giveSessionsOf } from '../e2e/support/sessions';
import { setUpConsoleSchema } from '../lib/console-schema/setup';
import { startPostgres } from '../test/harness/postgres';
import { insertDemoAudit } from './demo/data/audit';
import { DEMO_BATCHES } from './demo/data/batches';
import { asTx } from './demo/database';
import { seedDemo } from './demo/seed';

/*
 * `npm run screenshots`: every page of the demo's data, in both languages, light and dark, at a desk and on a
 * phone, to .cache/screenshots. To be looked at: no test can tell an ugly page.
 */
const FOLDER = path.resolve('.cache/screenshots');

interface Shot {
  name: string;
  path: string;
  /** Another server than the demo's. */
  origin?: string;
  /** Done on the page before the picture: open a menu, a dialog. */
  before?: (page: Page) => Promise<void>;
}

async function shotsOf(db: pg.Client): Promise<Shot[]> {
  const job = async (condition: string) =>
    (
      await db.query<{ id: string }>(
        `SELECT id FROM good_jobs WHERE ${condition} ORDER BY created_at DESC LIMIT 1`,
      )
    ).rows[0]?.id ?? '';
  const discarded = await job(
    'finished_at IS NOT NULL AND error IS NOT NULL AND executions_count > 1',
  );
  const openMenu = (page: Page) =>
    page.locator('[data-job] [aria-haspopup="menu"]').first().click();
  return [
    { name: 'start', path: '/auth/start' },
    { name: 'jobs', path: '/jobs' },
    { name: 'cron', path: '/cron_entries' },
    { name: 'cron-entry', path: '/cron_entries/daily_digest' },
    { name: 'pauses', path: '/pauses' },
    { name: 'jobs-discarded', path: '/jobs?state=discarded' },
    { name: 'jobs-not-understood', path: '/jobs?state=finished' },
    {
      name: 'jobs-search',
      path: `/jobs?q=${encodeURIComponent('class:*Mailer* -label:bulk colour:red')}`,
    },
    {
      name: 'jobs-complete',
      path: '/jobs',
      before: async (page) => {
        await page.locator('[role=combobox]').first().click();
        await page.keyboard.press('ArrowDown');
        await page.getByRole('listbox').waitFor();
      },
    },
    {
      name: 'jobs-time',
      path: '/jobs',
      before: async (page) => {
        await page.locator('[role=search] ~ div button').first().click();
        await page.locator('input[type=datetime-local]').first().waitFor();
      },
    },
    {
      name: 'jobs-help',
      path: '/jobs',
      before: async (page) => {
        await page.locator('[role=search] ~ div button').nth(1).click();
        await page.locator('dl').waitFor();
      },
    },
    {
      name: 'jobs-chosen',
      path: '/jobs?state=discarded',
      before: async (page) => {
        await page.locator('[data-job] button[aria-expanded]').first().click();
        await page.locator('[data-job] pre').waitFor();
        for (const n of [1, 2]) await page.locator('[data-job] input').nth(n).click();
      },
    },
    { name: 'jobs-columns', path: '/jobs?columns=queue,attempts,created,error,args.0,time,state' },
    {
      name: 'jobs-chart',
      path: '/jobs',
      before: async (page) => {
        await page.locator('section > button[aria-expanded]').first().click();
        await page.locator('canvas').waitFor();
      },
    },
    { name: 'jobs-menu', path: '/jobs?state=discarded', before: openMenu },
    {
      name: 'jobs-dialog',
      path: '/jobs?state=discarded',
      before: async (page) => {
        await openMenu(page);
        await page.getByRole('menuitem').first().click();
      },
    },
    { name: 'job-discarded', path: `/jobs/${discarded}` },
    { name: 'job-reveal', path: `/jobs/${discarded}/reveal` },
    { name: 'job-raw', path: `/jobs/${discarded}?raw=1` },
    {
      name: 'job-running',
      path: `/jobs/${await job('finished_at IS NULL AND performed_at IS NOT NULL')}`,
    },
    {
      name: 'job-reschedule',
      path: `/jobs/${await job('finished_at IS NULL AND performed_at IS NULL AND scheduled_at > now()')}/reschedule`,
    },
    { name: 'batches', path: '/batches' },
    ...Object.entries(DEMO_BATCHES).map(([name, id]) => ({
      name: `batch-${name}`,
      path: `/batches/${String(id)}`,
    })),
    { name: 'batch-retry', path: `/batches/${String(Object.values(DEMO_BATCHES)[0])}/retry` },
    { name: 'attention', path: '/attention' },
    {
      name: 'attention-dialog',
      path: '/attention',
      before: async (page) => {
        await page.locator('[data-finding] .button-primary').first().click();
        await page.getByRole('dialog').waitFor();
      },
    },
    { name: 'attention-repair', path: '/attention/repair?repair=release_jobs' },
    { name: 'queues', path: '/queues' },
    { name: 'queues-day', path: '/queues?range=24h' },
    { name: 'processes', path: '/processes' },
    { name: 'audit', path: '/audit' },
    {
      name: 'audit-unfolded',
      path: '/audit',
      before: async (page) => {
        for (const n of [1, 2]) await page.locator('[data-audit] summary').nth(n).click();
      },
    },
    {
      name: 'cleaner',
      path: '/cleaner?finished_since=7_days_ago',
      before: async (page) => {
        await page.locator('[data-failure] h2 a').first().click();
        await page.locator('[data-sample]').first().waitFor();
      },
    },
    { name: 'cleaner-class', path: '/cleaner?by=class' },
    { name: 'performance', path: '/performance?range=week' },
    {
      name: 'performance-class',
      path: `/performance/${encodeURIComponent('InvoiceMailerJob')}?range=week`,
    },
    { name: 'not-found', path: '/jobs/nothing' },
  ];
}

const executablePath = ensureBrowser();
if (!executablePath) throw new Error('There is no browser to take pictures with.');
rmSync(FOLDER, { recursive: true, force: true });
mkdirSync(FOLDER, { recursive: true });
const postgres = await startPostgres({ settings: { fsync: 'off' } });
const databaseUrl = await postgres.createDatabase('screenshots');
await seedDemo({ url: databaseUrl, schema: 'public', caFile: null });
const db = new pg.Client({ connectionString: databaseUrl });
await db.connect();
await setUpConsoleSchema(asTx(db));
await insertDemoAudit(asTx(db), 'public');
const shots = await shotsOf(db);
await db.end();
const server = await startConsole({ databaseUrl, env: { DEMO: '1', TIME_ZONE: 'Asia/Tokyo' } });
const lost = await startConsole({
  databaseUrl: 'postgres://console@127.0.0.1:1/lost',
  env: { TIME_ZONE: 'Asia/Tokyo' },
});
shots.push({ name: 'database-down', path: '/jobs', origin: lost.origin });
const browser = await chromium.launch({ executablePath, args: browserFlags() });
giveSessionsOf(browser);
let count = 0;
for (const locale of ['ja', 'en']) {
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const width of [1440, 390]) {
      const context = await browser.newContext({
        locale,
        colorScheme,
        viewport: { width, height: 900 },
      });
      const page = await context.newPage();
      for (const shot of shots) {
        await page.goto((shot.origin ?? server.origin) + shot.path, { waitUntil: 'networkidle' });
        await shot.before?.(page);
        await page.screenshot({
          path: path.join(FOLDER, `${shot.name}.${locale}.${colorScheme}.${width}.png`),
          fullPage: !shot.before,
        });
        count += 1;
      }
      await context.close();
    }
  }
}
await browser.close();
await Promise.all([server.stop(), lost.stop()]);
await postgres.stop();
console.log(`${count} pictures in ${path.relative(process.cwd(), FOLDER)}`);
