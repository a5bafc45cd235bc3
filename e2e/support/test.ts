import { type BrowserContext, expect, test as base } from 'playwright/test';
import { NO_BROWSER, browserFlags } from './browser';
import { giveSessionsOf, sessionCookies } from './sessions';

export interface WorkerOptions {
  /** BASE_PATH of the servers that this project's specs start. */
  basePath: string;
}

/** What a browser complained of: console errors, uncaught errors, CSP violations, answers of 500 and above. */
export class Problems {
  private readonly found: string[] = [];
  /** A test that stops its own server may leave a page behind that still asks for its icon; raw JSON has none, so the browser looks for one by itself. */
  private readonly allowed: RegExp[] = [/net::ERR_CONNECTION_REFUSED/, /favicon\.ico/];

  watch(context: BrowserContext): void {
    context.on('console', (message) => {
      if (message.type() === 'error')
        this.found.push(`console: ${message.text()} (${message.location().url})`);
    });
    context.on('weberror', (error) =>
      this.found.push(`uncaught: ${String(error.error().stack ?? error.error())}`),
    );
    context.on('response', (response) => {
      if (response.status() >= 500)
        this.found.push(`answer: status of ${response.status()} (${response.url()})`);
    });
  }

  /** The page is meant to answer with this status, which the browser reports as an error. */
  allowStatus(status: number): void {
    this.allowed.push(new RegExp(`status of ${status}\\b`));
  }

  allow(pattern: RegExp): void {
    this.allowed.push(pattern);
  }

  list(): string[] {
    return this.found.filter((problem) => !this.allowed.some((pattern) => pattern.test(problem)));
  }
}

interface Fixtures {
  problems: Problems;
  browserOrSkip: void;
}

/** For specs that speak HTTP themselves: they need no browser. */
export const httpTest = base.extend<object, WorkerOptions>({
  browser: [
    async ({ browser }, use) => {
      giveSessionsOf(browser);
      await use(browser);
    },
    { scope: 'worker' },
  ],
  request: async ({ playwright }, use) => {
    const request = await playwright.request.newContext({
      storageState: { cookies: sessionCookies(), origins: [] },
    });
    await use(request);
    await request.dispose();
  },
  basePath: ['', { option: true, scope: 'worker' }],
  launchOptions: [
    async ({}, use) => use({ executablePath: process.env.GJC_BROWSER, args: browserFlags() }),
    { scope: 'worker' },
  ],
});

/** Fails a test on whatever its browser complained of. */
export const test = httpTest.extend<Fixtures>({
  browserOrSkip: [
    async ({}, use, testInfo) => {
      // An ordinary user may have no browser and not be able to install one: counted and named. Under CI the set-up has failed already.
      if (!process.env.GJC_BROWSER) testInfo.skip(true, NO_BROWSER);
      await use();
    },
    { auto: true },
  ],
  problems: async ({}, use) => {
    const problems = new Problems();
    await use(problems);
    expect(
      problems.list(),
      'console errors, uncaught errors, CSP violations and failed answers',
    ).toEqual([]);
  },
  context: async ({ context, problems }, use) => {
    problems.watch(context);
    await context.addInitScript(() => {
      document.addEventListener('securitypolicyviolation', (event) =>
        console.error(
          `CSP violation: ${event.violatedDirective} ${event.blockedURI} ${event.sample}`,
        ),
      );
    });
    await use(context);
  },
});

export { expect };
