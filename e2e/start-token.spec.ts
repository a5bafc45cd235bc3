import { execFile, spawn, spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Page } from 'playwright/test';
import { issueToken } from '../server/auth/start-token';
import { findLinkFile } from '../test/harness/local-sign-in';
import { findAxeViolations } from './support/axe';
import { ensureBuild } from './support/build';
import { type ConsoleServer, startConsole } from './support/console-server';
import { en, ja } from './support/messages';
import { waitForHydration, useSite } from './support/site';
import { expect, test } from './support/test';

/* Access to a console without a sign-in: the link, the form, `npm run token` and the log. */
const site = useSite('start token');
const mainFile = () => process.env.GJC_E2E_MAIN ?? ensureBuild();
const tokenCommand = () => path.join(path.dirname(mainFile()), 'token.mjs');

let consoleServer: ConsoleServer;
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
  consoleServer = await start(basePath);
});
test.afterAll(async () => {
  await consoleServer.stop();
  rmSync(runtime, { recursive: true, force: true });
});

const linkFile = (server = consoleServer) => findLinkFile(server.output()) ?? '';
const linkIn = (file: string) => readFileSync(file, 'utf8').trim();
/** A new link, like that of `npm run token`. */
const newLink = () =>
  `${consoleServer.origin}${consoleServer.basePath}/auth/start#${issueToken(path.dirname(linkFile()))}`;
async function expectSignedIn(page: Page): Promise<void> {
  await page.waitForURL((url) => url.pathname === (consoleServer.basePath || '/'));
  await waitForHydration(page);
}

interface CommandResult {
  code: number | null;
  stdout: string;
  stderr: string;
}
function run(
  file: string,
  args: string[],
  options: { env: Record<string, string>; uid?: number; gid?: number; cwd?: string },
): Promise<CommandResult> {
  return new Promise((resolve) => {
    const child = execFile(
      file,
      args,
      // Next's types require NODE_ENV.
      { ...options, env: { NODE_ENV: 'test', PATH: process.env.PATH ?? '', ...options.env } },
      (_error, stdout, stderr) => resolve({ code: child.exitCode, stdout, stderr }),
    );
  });
}
const runCommand = (env: Record<string, string> = {}) =>
  run(process.execPath, [tokenCommand()], {
    env: { XDG_RUNTIME_DIR: runtime, TMPDIR: runtime, PORT: String(consoleServer.port), ...env },
  });

test('the link in the file signs in once and leaves no trace', async ({ page, problems }) => {
  const file = linkFile();
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(statSync(path.dirname(file)).mode & 0o777).toBe(0o700);
  const url = linkIn(file);
  expect(url.startsWith(`${consoleServer.origin}${consoleServer.basePath}/auth/start#`)).toBe(true);
  await page.goto(url);
  await expectSignedIn(page);
  expect(existsSync(file)).toBe(false);
  expect(page.url()).not.toContain('#');
  const cookie = (await page.context().cookies()).find(
    ({ name }) => name === `gjc_local_${consoleServer.port}`,
  );
  expect(cookie).toMatchObject({
    httpOnly: true,
    sameSite: 'Strict',
    path: consoleServer.basePath || '/',
    expires: -1,
  });

  problems.allowStatus(403);
  await page.goto('about:blank');
  await page.context().clearCookies();
  await page.goto(url);
  await expect(page.getByRole('alert')).toHaveText(en('start.start_token_used'));
  for (const secret of [url.split('#')[1] ?? '', cookie?.value ?? ''])
    expect(consoleServer.output()).not.toContain(secret);
});

test('the form returns to the requested page, and a link works on the form as well', async ({
  page,
  problems,
}) => {
  problems.allowStatus(403);
  await page.goto(`${consoleServer.origin}${consoleServer.basePath}/jobs?state=discarded`);
  await expect(page.getByRole('heading', { level: 1 })).toHaveText(en('start.heading'));
  await expect(page.locator('code')).toHaveText('npm run token');
  await page.getByLabel(en('start.label')).fill('not-a-token');
  await page.getByRole('button', { name: en('start.submit') }).click();
  await expect(page.getByRole('alert')).toHaveText(en('start.start_token_wrong'));
  await page.getByLabel(en('start.label')).fill(newLink());
  await page.getByRole('button', { name: en('start.submit') }).click();
  await page.waitForURL(`${consoleServer.origin}${consoleServer.basePath}/jobs?state=discarded`);
  await waitForHydration(page);

  await page.context().clearCookies();
  await page.goto(`${consoleServer.origin}${consoleServer.basePath}/auth/start`);
  const { stdout } = await runCommand();
  // Only the fragment differs, so the browser does not load the page again.
  await page.goto(stdout.trim());
  await expectSignedIn(page);
});

test('accepts the token in the form without JavaScript', async ({ browser }) => {
  const context = await browser.newContext({ javaScriptEnabled: false, locale: 'ja' });
  try {
    const page = await context.newPage();
    const link = newLink();
    await page.goto(link);
    await expect(page.getByRole('heading', { level: 1 })).toHaveText(ja('start.heading'));
    await page.getByLabel(ja('start.label')).fill(link.split('#')[1] ?? '');
    await page.getByRole('button', { name: ja('start.submit') }).click();
    await page.waitForURL((url) => url.pathname === (consoleServer.basePath || '/'));
  } finally {
    await context.close();
  }
});

test(
  'the form passes axe and fits a phone in both languages',
  { tag: '@any-path' },
  async ({ page, problems }) => {
    problems.allowStatus(403);
    for (const locale of ['en', 'ja']) {
      await page.setViewportSize({ width: 390, height: 844 });
      await page.goto(
        `${consoleServer.origin}${consoleServer.basePath}/auth/start?locale=${locale}`,
      );
      expect(await findAxeViolations(page), locale).toEqual([]);
      await page.locator('input[name="token"]').fill('x');
      await page.getByRole('button').click();
      await expect(page.getByRole('alert')).toBeVisible();
      expect(await findAxeViolations(page), locale).toEqual([]);
      expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(
        390,
      );
    }
  },
);

test(
  'a restart invalidates sessions and tokens, and a stop removes the files',
  { tag: '@any-path' },
  async ({ page, problems }) => {
    problems.allowStatus(403);
    problems.allowStatus(401);
    const first = await start('');
    const file = linkFile(first);
    await page.goto(linkIn(file));
    await page.waitForURL(({ pathname }) => pathname === '/');
    await waitForHydration(page);
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

test('npm run token prints a valid link', { tag: '@any-path' }, async ({ page }) => {
  const { code, stdout } = await run('npm', ['run', '-s', 'token'], {
    env: { XDG_RUNTIME_DIR: runtime, TMPDIR: runtime, PORT: String(consoleServer.port) },
    cwd: path.dirname(path.dirname(path.dirname(mainFile()))),
  });
  expect(code).toBe(0);
  await page.goto(stdout.trim());
  await expectSignedIn(page);
});

test(
  'npm run token lists the servers when several run and reports when none does',
  { tag: '@any-path' },
  async () => {
    const second = await start('/second');
    try {
      const env = { XDG_RUNTIME_DIR: runtime, TMPDIR: runtime };
      const ambiguous = await run(process.execPath, [tokenCommand()], { env });
      expect(ambiguous.code).toBe(1);
      expect(ambiguous.stdout).toBe('');
      expect(ambiguous.stderr).toContain('Several consoles wait for a token. Choose one:');
      for (const server of [consoleServer, second])
        expect(ambiguous.stderr).toContain(
          `PORT=${server.port} BASE_PATH=${server.basePath || '/'} npm run token`,
        );
      const byPath = await run(process.execPath, [tokenCommand()], {
        env: { ...env, BASE_PATH: '/second' },
      });
      expect(byPath.stdout).toContain(`${second.origin}/second/auth/start#`);
      const otherRun = await runCommand({ PORT: '1' });
      expect(otherRun.code).toBe(1);
      expect(otherRun.stderr).toContain(
        'No console with this PORT and BASE_PATH waits for a token.',
      );
    } finally {
      await second.kill();
    }
    expect(existsSync(linkFile(second))).toBe(true);
    const killed = await runCommand({ PORT: String(second.port) });
    expect([killed.code, killed.stdout]).toEqual([1, '']);
  },
);

test('npm run token prints no link to other users', { tag: '@any-path' }, async ({}, testInfo) => {
  testInfo.skip(process.getuid?.() !== 0, 'Only root can act as another user.');
  const copy = path.join(mkdtempSync(path.join(tmpdir(), 'gjc-command-')), 'token.mjs');
  copyFileSync(tokenCommand(), copy);
  for (const file of [path.dirname(copy), copy, runtime]) spawnSync('chmod', ['755', file]);
  const ownFolder = mkdtempSync(path.join(tmpdir(), 'gjc-other-'));
  spawnSync('chown', ['65534:65534', ownFolder]);
  for (const folder of [runtime, ownFolder]) {
    const { code, stdout, stderr } = await run(process.execPath, [copy], {
      env: { XDG_RUNTIME_DIR: folder, TMPDIR: folder, PORT: String(consoleServer.port) },
      uid: 65534,
      gid: 65534,
      cwd: '/',
    });
    expect([code, stdout], stderr).toEqual([1, '']);
    expect(stderr).toContain('No console of this user waits for a token on this machine.');
  }
  for (const folder of [path.dirname(copy), ownFolder]) rmSync(folder, { recursive: true });
});

test('prints the start link to a terminal', { tag: '@any-path' }, async ({ page }, testInfo) => {
  const version = spawnSync('script', ['--version'], { encoding: 'utf8' });
  testInfo.skip(
    !(version.stdout ?? '').includes('util-linux'),
    'There is no util-linux script on this machine, so no server ran in a terminal.',
  );
  const child = spawn('script', ['-qec', `exec ${process.execPath} ${mainFile()}`, '/dev/null'], {
    env: {
      NODE_ENV: 'production',
      PATH: process.env.PATH ?? '',
      DATABASE_URL: site.databaseUrl,
      PORT: '0',
      XDG_RUNTIME_DIR: runtime,
    },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exit = new Promise((resolve) => child.once('exit', resolve));
  try {
    let text = '';
    const url = await new Promise<string>((resolve, reject) => {
      child.stdout.on('data', (chunk: Buffer) => {
        text += chunk.toString('utf8');
        const link = /Open it with this link: (\S+)[^]*npm run token/.exec(text)?.[1];
        if (link) resolve(link);
      });
      void exit.then(() => reject(new Error(text)));
    });
    expect(text).not.toContain('is in the file');
    await page.goto(url);
    await page.waitForURL(({ pathname }) => pathname === '/');
    await waitForHydration(page);
    await page.goto('about:blank');
  } finally {
    // Ctrl-C.
    child.stdin.write('\u0003');
    await exit;
  }
});
