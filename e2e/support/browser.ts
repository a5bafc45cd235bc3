import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { chromium } from 'playwright/test';

const PLAYWRIGHT = fileURLToPath(new URL('../../node_modules/playwright/cli.js', import.meta.url));
const NAMES = [
  'chromium',
  'chromium-browser',
  'google-chrome',
  'google-chrome-stable',
  'chrome',
  'microsoft-edge',
];
const OUTSIDE_PATH = [
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  'C:\\Program Files\\Google\\Chrome\\Application\\chrome.exe',
  'C:\\Program Files (x86)\\Google\\Chrome\\Application\\chrome.exe',
];
const isRoot = () => process.getuid?.() === 0;

/** Flags that disable the browser's own network requests. */
export function browserFlags(): string[] {
  return [
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--no-first-run',
    ...(isRoot() ? ['--no-sandbox'] : []),
  ];
}

/**
 * Whether the browser starts. On Windows it ships its libraries, and `--version` would open a
 * window.
 */
function canRun(file: string): boolean {
  return (
    process.platform === 'win32' ||
    spawnSync(file, ['--version'], { stdio: 'ignore', timeout: 30_000 }).status === 0
  );
}

/** An installed Chromium or Chrome; GJC_BROWSER takes precedence. */
function findBrowser(): string | undefined {
  const folders = (process.env.PATH ?? '').split(path.delimiter).filter(Boolean);
  const candidates = [
    process.env.GJC_BROWSER ?? '',
    ...NAMES.flatMap((name) => folders.map((folder) => path.join(folder, name))),
    ...OUTSIDE_PATH,
    chromium.executablePath(),
  ];
  return candidates.find((file) => file !== '' && existsSync(file) && canRun(file));
}

function run(command: string, args: string[]): boolean {
  return (
    spawnSync(command, args, { stdio: ['ignore', 'ignore', 'inherit'], timeout: 600_000 })
      .status === 0
  );
}

/** The browser of the tests, installed if missing; undefined if that fails. */
export function ensureBrowser(): string | undefined {
  const installed = findBrowser();
  if (installed) return installed;
  console.log('No Chromium or Chrome was found; Playwright installs one.');
  if (
    run(process.execPath, [PLAYWRIGHT, 'install', ...(isRoot() ? ['--with-deps'] : []), 'chromium'])
  )
    return findBrowser();
  if (isRoot() && run('apt-get', ['update', '-qq']))
    run('apt-get', [
      'install',
      '-y',
      '-qq',
      '--no-install-recommends',
      'chromium',
      'fontconfig',
      'fonts-ipafont-gothic',
    ]);
  return findBrowser();
}

export const NO_BROWSER =
  'There is no Chromium or Chrome and none could be installed: browser tests are skipped. ' +
  'Install one (for example: sudo npx playwright install --with-deps chromium).';

/** A warning if no Japanese font is installed; the tests do not depend on it. */
export function missingFont(): string | undefined {
  if (process.platform !== 'linux') return undefined;
  const list = spawnSync('fc-list', [':lang=ja', 'family'], { encoding: 'utf8' });
  if (list.status === 0 && list.stdout.trim() !== '') return undefined;
  return (
    'No Japanese font is installed, so screenshots show boxes ' +
    '(for example: sudo apt-get install fonts-ipafont-gothic).'
  );
}
