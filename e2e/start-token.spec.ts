import { execFile, spawn, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Page } from 'playwright/test';
import { DEMO_MARK } from '../lib/context/startup';
import { TABLES } from '../lib/good-job/schema';
import { issueToken } from '../server/auth/start-token';
import { linkFileIn } from '../test/harness/local-sign-in';
import { violations } from './support/axe';
import { ensureBuild } from './support/build';
import { type ConsoleServer, startConsole } from './support/console-server';
import { en, ja } from './support/messages';
import { hydrated, startSite, useSite } from './support/site';
import { expect, test } from './support/test';

/* How somebody gets into a console without sign-in: the link, the form, `npm run token`, and what the log holds. */
const site = useSite('start token');
const main = () => process.env.GJC_E2E_MAIN ?? ensureBuild();
const command = () => path.join(path.dirname(main()), 'token.mjs');

let console_: ConsoleServer;
let runtime: string;
const start = (basePath: string, env: Record<string, string> = {}) =>
  startConsole({
    databaseUrl: site.databaseUrl,
    basePath,
    env: { XDG_RUNTIME_DIR: runtime, ...env },
    signIn: false,
  });
test.beforeAll(async ({ basePath }) => {
  runtime = mkdtempSync(path.join(tmpdir(), 'gjc-runtime-'));
  console_ = await start(basePath);
});
test.afterAll(async () => {
  await console_.stop();
  rmSync(runtime, { recursive: true, force: true });
});

const linkFile = (server = console_) => linkFileIn(server.output()) ?? '';
const linkIn = (file: string) => readFileSync(file, 'utf8').trim();
/** A new link, as npm run token makes it. */
const newLink = () =>
  `${console_.origin}${console_.basePath}/auth/start#${issueToken(path.dirname(linkFile()))}`;
async function arrive(page: Page): Promise<void> {
  await page.waitForURL((url) => url.pathname === `${console_.basePath}/jobs`);
  await hydrated(page);
}

interface Ran {
  code: number | null;
  stdout: string;
  stderr: string;
}
function run(
  file: string,
  args: string[],
  options: { env: Record<string, string>; uid?: number; gid?: number; cwd?: string },
): Promise<Ran> {
  return new Promise((resolve) => {
    const child = execFile(
      file,
      args,
      // Next's types demand NODE_ENV of every environment.
      { ...options, env: { NODE_ENV: 'test', PATH: process.env.PATH ?? '', ...options.env } },
      (_error, stdout, stderr) => resolve({ code: child.exitCode, stdout, stderr }),
    );
  });
}
const runCommand = (env: Record<string, string> = {}) =>
  run(process.execPath, [command()], {
    env: { XDG_RUNTIME_DIR: runtime, TMPDIR: runtime, PORT: String(console_.port), ...env },
  });

test('the link of the log’s file signs in, works once, and is nowhere afterwards', async ({
  page,
  problems,
}) => {
  const file = linkFile();
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(statSync(path.dirname(file)).mode & 0o777).toBe(0o700);
  const url = linkIn(file);
  expect(url.startsWith(`${console_.origin}${console_.basePath}/auth/start#`)).toBe(true);
  await page.goto(url);
  await arrive(page);
  expect(existsSync(file)).toBe(false);
  expect(page.url()).not.toContain('#');
  const cookie = (await page.context().cookies()).find(
    ({ name }) => name === `gjc_local_${console_.port}`,
  );
  expect(cookie).toMatchObject({
    httpOnly: true,
    sameSite: 'Strict',
    path: console_.basePath || '/',
    expires: -1,
  });

  problems.allowStatus(403);
  await page.goto('about:blank');
  await page.context().clearCookies();
  await page.goto(url);
  await expect(page.getByRole('alert')).toHaveText(en('start.start_token_used'));
  for (const secret of [url.split('#')[1] ?? '', cookie?.value ?? ''])
    expect(console_.output()).not.toContain(secret);
});

test('a page leads to the form, which leads back to the page; a link opened there works too', async ({
  page,
  problems,
}) => {
  problems.allowStatus(403);
  await page.goto(`${console_.origin}${console_.basePath}/jobs?state=discarded`);
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(en('start.heading'));
  await expect(page.locator('code')).toHaveText('npm run token');
  await page.getByLabel(en('start.label')).fill('not-a-token');
  await page.getByRole('button', { name: en('start.submit') }).click();
  await expect(page.getByRole('alert')).toHaveText(en('start.start_token_wrong'));
  await page.getByLabel(en('start.label')).fill(newLink());
  await page.getByRole('button', { name: en('start.submit') }).click();
  await page.waitForURL(`${console_.origin}${console_.basePath}/jobs?state=discarded`);
  await hydrated(page);

  await page.context().clearCookies();
  await page.goto(`${console_.origin}${console_.basePath}/auth/start`);
  const { stdout } = await runCommand();
  // The same page with a fragment: the browser loads nothing.
  await page.goto(stdout.trim());
  await arrive(page);
});

test('without JavaScript the token is typed into the form', async ({ browser }) => {
  const context = await browser.newContext({ javaScriptEnabled: false, locale: 'ja' });
  try {
    const page = await context.newPage();
    const link = newLink();
    await page.goto(link);
    await expect(page.getByRole('heading', { level: 1 })).toHaveText(ja('start.heading'));
    await page.getByLabel(ja('start.label')).fill(link.split('#')[1] ?? '');
    await page.getByRole('button', { name: ja('start.submit') }).click();
    await page.waitForURL((url) => url.pathname === `${console_.basePath}/jobs`);
  } finally {
    await context.close();
  }
});

test(
  'the page is accessible in both languages, themes and on a phone',
  { tag: '@any-path' },
  async ({ page, problems }) => {
    problems.allowStatus(403);
    for (const locale of ['en', 'ja']) {
      await page.setViewportSize({ width: 390, height: 844 });
      await page.goto(`${console_.origin}${console_.basePath}/auth/start?locale=${locale}`);
      expect(await violations(page), locale).toEqual([]);
      await page.locator('input[name="token"]').fill('x');
      await page.getByRole('button').click();
      await expect(page.getByRole('alert')).toBeVisible();
      expect(await violations(page), locale).toEqual([]);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(
        390,
      );
    }
  },
);

test(
  'a restart ends sessions and tokens, and the end of a server its files',
  { tag: '@any-path' },
  async ({ page, problems }) => {
    problems.allowStatus(403);
    problems.allowStatus(401);
    const first = await start('');
    const file = linkFile(first);
    await page.goto(linkIn(file));
    await page.waitForURL('**/jobs');
    await hydrated(page);
    const token = issueToken(path.dirname(file));
    await page.goto('about:blank');
    await first.stop();
    expect(existsSync(path.dirname(file))).toBe(false);
    const second = await start('', { PORT: String(first.port) });
    try {
      await page.goto(`${second.origin}/`);
      await expect(page.getByRole('heading', { level: 1 })).toHaveText(en('start.heading'));
      expect((await page.request.get(`${second.origin}/api/jobs`)).status()).toBe(401);
      await page.goto(`${second.origin}/auth/start#${token}`);
      await expect(page.getByRole('alert')).toHaveText(en('start.start_token_wrong'));
    } finally {
      await second.stop();
    }
  },
);

test('npm run token prints a link that works', { tag: '@any-path' }, async ({ page }) => {
  const { code, stdout } = await run('npm', ['run', '-s', 'token'], {
    env: { XDG_RUNTIME_DIR: runtime, TMPDIR: runtime, PORT: String(console_.port) },
    cwd: path.dirname(path.dirname(path.dirname(main()))),
  });
  expect(code).toBe(0);
  await page.goto(stdout.trim());
  await arrive(page);
});

test(
  'npm run token says which server it needs when several run, and when none does',
  { tag: '@any-path' },
  async () => {
    const second = await start('/second');
    try {
      const env = { XDG_RUNTIME_DIR: runtime, TMPDIR: runtime };
      const several = await run(process.execPath, [command()], { env });
      expect(several.code).toBe(1);
      expect(several.stdout).toBe('');
      expect(several.stderr).toContain('Several consoles wait for a token. Choose one:');
      for (const server of [console_, second])
        expect(several.stderr).toContain(
          `PORT=${server.port} BASE_PATH=${server.basePath || '/'} npm run token`,
        );
      const byPath = await run(process.execPath, [command()], {
        env: { ...env, BASE_PATH: '/second' },
      });
      expect(byPath.stdout).toContain(`${second.origin}/second/auth/start#`);
      const other = await runCommand({ PORT: '1' });
      expect(other.code).toBe(1);
      expect(other.stderr).toContain('No console with this PORT and BASE_PATH waits for a token.');
    } finally {
      await second.kill();
    }
    expect(existsSync(linkFile(second))).toBe(true);
    const killed = await runCommand({ PORT: String(second.port) });
    expect([killed.code, killed.stdout]).toEqual([1, '']);
  },
);

test('npm run token gives another user nothing', { tag: '@any-path' }, async ({}, testInfo) => {
  testInfo.skip(process.getuid?.() !== 0, 'Only root can act as another user.');
  const copy = path.join(mkdtempSync(path.join(tmpdir(), 'gjc-command-')), 'token.mjs');
  copyFileSync(command(), copy);
  for (const file of [path.dirname(copy), copy, runtime]) spawnSync('chmod', ['755', file]);
  const own = mkdtempSync(path.join(tmpdir(), 'gjc-other-'));
  spawnSync('chown', ['65534:65534', own]);
  for (const folder of [runtime, own]) {
    const { code, stdout, stderr } = await run(process.execPath, [copy], {
      env: { XDG_RUNTIME_DIR: folder, TMPDIR: folder, PORT: String(console_.port) },
      uid: 65534,
      gid: 65534,
      cwd: '/',
    });
    expect([code, stdout], stderr).toEqual([1, '']);
    expect(stderr).toContain('No console of this user waits for a token on this machine.');
  }
  for (const folder of [path.dirname(copy), own]) rmSync(folder, { recursive: true });
});

test('a terminal gets the link itself', { tag: '@any-path' }, async ({ page }, testInfo) => {
  const has = spawnSync('script', ['--version'], { encoding: 'utf8' });
  testInfo.skip(
    !(has.stdout ?? '').includes('util-linux'),
    'There is no util-linux script on this machine, so no server ran in a terminal.',
  );
  const child = spawn('script', ['-qec', `exec ${process.execPath} ${main()}`, '/dev/null'], {
    env: {
      NODE_ENV: 'production',
      PATH: process.env.PATH ?? '',
      DATABASE_URL: site.databaseUrl,
      PORT: '0',
      XDG_RUNTIME_DIR: runtime,
    },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  try {
    let text = '';
    const url = await new Promise<string>((resolve, reject) => {
      child.stdout.on('data', (chunk: Buffer) => {
        text += chunk.toString('utf8');
        const found = /Open it with this link: (\S+)[^]*npm run token/.exec(text)?.[1];
        if (found) resolve(found);
      });
      void ended.then(() => reject(new Error(text)));
    });
    expect(text).not.toContain('is in the file');
    await page.goto(url);
    await page.waitForURL('**/jobs');
    await hydrated(page);
    await page.goto('about:blank');
  } finally {
    child.stdin.write('\u0003'); // Ctrl-C
    await ended;
  }
});

test('DEMO=1 opens the demo’s own tables alone', { tag: '@any-path' }, async () => {
  const status = async (server: ConsoleServer) => (await fetch(`${server.origin}/api/jobs`)).status;
  const real = await startConsole({ databaseUrl: site.databaseUrl, env: { DEMO: '1' } });
  try {
    expect(await status(real)).toBe(401);
    expect(real.output()).toContain('The link to open it is in the file');
  } finally {
    await real.stop();
  }
  const demo = await startSite('demo tables', '', {
    env: { DEMO: '1' },
    seed: async (db) => {
      for (const table of TABLES)
        await db.query(`COMMENT ON TABLE ${table} IS '${DEMO_MARK}, seeded at 2026-11-20'`);
    },
  });
  try {
    expect(await status(demo.server)).toBe(200);
    expect(demo.server.output()).not.toContain('The link to open it');
  } finally {
    await demo.stop();
  }
});
