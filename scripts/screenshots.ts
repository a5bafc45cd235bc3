import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import pg from 'pg';
import { type Page, chromium } from 'playwright';
import { browserFlags, ensureBrowser } from '../e2e/support/browser';
import { startConsole } from '../e2e/support/console-server';
import { addSessionsToContexts } from '../e2e/support/sessions';
import { setUpConsoleSchema } from '../lib/console-schema/setup';
import en from '../messages/en.json';
import ja from '../messages/ja.json';
import { startPostgres } from '../test/postgres/postgres';
import { insertDemoAudit } from './demo/data/audit';
import { DEMO_BATCHES } from './demo/data/batches';
import { asTx } from './demo/database';
import { seedDemo } from './demo/seed';

/*
 * `npm run screenshots` takes a picture of every page of the demo in both languages and themes, at
 * desktop, wide and phone width, into .cache/screenshots for visual review. Arguments choose the
 * pictures by the start of their names: `npm run screenshots -- cron batch-source`.
 */
const FOLDER = path.resolve('.cache/screenshots');

interface Shot {
  name: string;
  path: string;
  /** Default: the demo server. */
  origin?: string;
  /** Prepares the page before the picture, e.g. opens a dialog. */
  prepare?: (page: Page) => Promise<void>;
}

/** A button by its label in either language. */
const button = (page: Page, ...labels: string[]) =>
  page.getByRole('button', { name: new RegExp(`^(${labels.join('|')})`) });

const openJobMenu = (page: Page) =>
  page.locator('[data-job] [aria-haspopup="menu"]').first().click();

const JOB_LIST_SHOTS: Shot[] = [
  { name: 'jobs-discarded', path: '/jobs?state=discarded' },
  { name: 'jobs-not-understood', path: '/jobs?state=finished' },
  {
    name: 'jobs-search',
    path: `/jobs?q=${encodeURIComponent('class:*Mailer* -label:bulk colour:red')}`,
  },
  {
    name: 'jobs-complete',
    path: '/jobs',
    prepare: async (page) => {
      await page.locator('[role=combobox]').first().click();
      await page.keyboard.press('ArrowDown');
      await page.getByRole('listbox').waitFor();
    },
  },
  {
    name: 'jobs-time',
    path: '/jobs',
    prepare: async (page) => {
      await button(page, en.search.time.label, ja.search.time.label).click();
      await page.locator('input[type=datetime-local]').first().waitFor();
    },
  },
  {
    name: 'jobs-help',
    path: '/jobs',
    prepare: async (page) => {
      await button(page, en.search.help, ja.search.help).click();
      await page.locator('dl').first().waitFor();
    },
  },
  {
    name: 'jobs-selected',
    path: '/jobs?state=discarded',
    prepare: async (page) => {
      for (const n of [1, 2]) await page.locator('[data-job] input').nth(n).click();
      await page.locator('.bulk-bar').waitFor();
    },
  },
  {
    name: 'jobs-preview',
    path: '/jobs?state=discarded',
    prepare: async (page) => {
      await page.locator('[data-job] a').first().click();
      await page.locator('[data-preview]').waitFor();
    },
  },
  {
    name: 'jobs-palette',
    path: '/jobs',
    prepare: async (page) => {
      await page.keyboard.press('Control+k');
      await page.getByRole('dialog').waitFor();
    },
  },
  {
    name: 'jobs-keys',
    path: '/jobs',
    prepare: async (page) => {
      await page.keyboard.press('?');
      await page.getByRole('dialog').waitFor();
    },
  },
  { name: 'jobs-columns', path: '/jobs?columns=queue,attempts,created,error,args.0,time,state' },
  {
    name: 'jobs-chart',
    path: '/jobs',
    prepare: async (page) => {
      await button(page, en.chart.show, ja.chart.show).click();
      await page.locator('canvas').waitFor();
    },
  },
  { name: 'jobs-menu', path: '/jobs?state=discarded', prepare: openJobMenu },
  {
    name: 'jobs-dialog',
    path: '/jobs?state=discarded',
    prepare: async (page) => {
      await openJobMenu(page);
      await page.getByRole('menuitem').first().click();
    },
  },
];

async function jobShots(db: pg.Client): Promise<Shot[]> {
  const findJob = async (condition: string) => {
    const { rows } = await db.query<{ id: string }>(
      `SELECT id
       FROM good_jobs
       WHERE ${condition}
       ORDER BY created_at DESC
       LIMIT 1`,
    );
    return rows[0]?.id ?? '';
  };
  const discarded = await findJob(
    'finished_at IS NOT NULL AND error IS NOT NULL AND executions_count > 1',
  );
  const running = await findJob('finished_at IS NULL AND performed_at IS NOT NULL');
  const scheduled = await findJob(
    'finished_at IS NULL AND performed_at IS NULL AND scheduled_at > now()',
  );
  return [
    { name: 'job-discarded', path: `/jobs/${discarded}` },
    { name: 'job-reveal', path: `/jobs/${discarded}/reveal` },
    { name: 'job-raw', path: `/jobs/${discarded}?raw=1` },
    { name: 'job-running', path: `/jobs/${running}` },
    { name: 'job-reschedule', path: `/jobs/${scheduled}/reschedule` },
  ];
}

const BATCH_SHOTS: Shot[] = [
  { name: 'batches', path: '/batches' },
  ...Object.entries(DEMO_BATCHES).map(([name, id]) => ({
    name: `batch-${name}`,
    path: `/batches/${id}`,
  })),
  { name: 'batch-retry', path: `/batches/${DEMO_BATCHES.source}/retry` },
];

const OTHER_SHOTS: Shot[] = [
  { name: 'start', path: '/auth/start' },
  { name: 'overview', path: '/' },
  { name: 'overview-day', path: '/?range=24h' },
  { name: 'jobs', path: '/jobs' },
  { name: 'cron', path: '/cron_entries' },
  { name: 'cron-entry', path: '/cron_entries/daily_digest' },
  { name: 'pauses', path: '/pauses' },
  { name: 'attention', path: '/attention' },
  {
    name: 'attention-dialog',
    path: '/attention',
    prepare: async (page) => {
      await page.locator('[data-finding] .button-primary').first().click();
      await page.getByRole('dialog').waitFor();
    },
  },
  { name: 'attention-repair', path: '/attention/repair?repair=release_jobs' },
  { name: 'bulk', path: '/bulk' },
  { name: 'queues', path: '/queues' },
  { name: 'queues-day', path: '/queues?range=24h' },
  { name: 'processes', path: '/processes' },
  { name: 'audit', path: '/audit' },
  {
    name: 'audit-unfolded',
    path: '/audit',
    prepare: async (page) => {
      for (const n of [1, 2]) await page.locator('[data-audit] summary').nth(n).click();
    },
  },
  {
    name: 'cleaner',
    path: '/cleaner?finished_since=7_days_ago',
    prepare: async (page) => {
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

const executablePath = ensureBrowser();
if (!executablePath) throw new Error('No browser is installed.');
rmSync(FOLDER, { recursive: true, force: true });
mkdirSync(FOLDER, { recursive: true });
const postgres = await startPostgres({ settings: { fsync: 'off' } });
const databaseUrl = await postgres.createDatabase('screenshots');
await seedDemo({ url: databaseUrl, schema: 'public', caFile: null });
const db = new pg.Client({ connectionString: databaseUrl });
await db.connect();
await setUpConsoleSchema(asTx(db));
await insertDemoAudit(asTx(db), 'public');
const shots = [...OTHER_SHOTS, ...JOB_LIST_SHOTS, ...(await jobShots(db)), ...BATCH_SHOTS];
await db.end();
const server = await startConsole({
  databaseUrl,
  env: { DEMO: '1', TIME_ZONE: 'Asia/Tokyo', CRON_FILE: path.resolve('scripts/demo/cron.yml') },
});
const disconnectedServer = await startConsole({
  databaseUrl: 'postgres://console@127.0.0.1:1/lost',
  env: { TIME_ZONE: 'Asia/Tokyo' },
});
shots.push({ name: 'database-down', path: '/jobs', origin: disconnectedServer.origin });
const browser = await chromium.launch({ executablePath, args: browserFlags() });
addSessionsToContexts(browser);
let count = 0;
const names = process.argv.slice(2);
const isChosen = ({ name }: Shot) =>
  names.length === 0 || names.some((start) => name.startsWith(start));
for (const locale of ['ja', 'en']) {
  for (const colorScheme of ['light', 'dark'] as const) {
    for (const width of [1440, 390, 1920]) {
      const context = await browser.newContext({
        locale,
        colorScheme,
        viewport: { width, height: 900 },
      });
      const page = await context.newPage();
      for (const shot of shots.filter(isChosen)) {
        await page.goto((shot.origin ?? server.origin) + shot.path, { waitUntil: 'networkidle' });
        await shot.prepare?.(page).catch((error: unknown) => console.error(shot.name, error));
        await page.screenshot({
          path: path.join(FOLDER, `${shot.name}.${locale}.${colorScheme}.${width}.png`),
          fullPage: !shot.prepare,
        });
        count += 1;
      }
      await context.close();
    }
  }
}
await browser.close();
await Promise.all([server.stop(), disconnectedServer.stop()]);
await postgres.stop();
console.log(`${count} pictures in ${path.relative(process.cwd(), FOLDER)}`);
