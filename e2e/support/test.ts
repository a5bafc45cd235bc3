import { type BrowserContext, expect, test as base } from 'playwright/test';
import { NO_BROWSER, browserFlags } from './browser';
import { addSessionsToContexts, sessionCookies } from './sessions';

export interface WorkerOptions {
  /** BASE_PATH of the servers of this Playwright project. */
  basePath: string;
}

/** Collects console errors, uncaught errors, CSP violations and responses of 500 and above. */
class Problems {
  private readonly problems: string[] = [];
  /** Always allowed: requests to a stopped server, and for the icon that raw JSON lacks. */
  private readonly allowed: RegExp[] = [/net::ERR_CONNECTION_REFUSED/, /favicon\.ico/];

  watch(context: BrowserContext): void {
    context.on('console', (message) => {
      if (message.type() === 'error')
        this.problems.push(`console: ${message.text()} (${message.location().url})`);
    });
    context.on('weberror', (error) =>
      this.problems.push(`uncaught: ${String(error.error().stack ?? error.error())}`),
    );
    context.on('response', (response) => {
      if (response.status() >= 500)
        this.problems.push(`response: status of ${response.status()} (${response.url()})`);
    });
  }

  /** Allows the error that the browser reports for an expected status. */
  allowStatus(status: number): void {
    this.allowed.push(new RegExp(`status of ${status}\\b`));
  }

  allow(pattern: RegExp): void {
    this.allowed.push(pattern);
  }

  list(): string[] {
    return this.problems.filter(
      (problem) => !this.allowed.some((pattern) => pattern.test(problem)),
    );
  }
}

interface Fixtures {
  problems: Problems;
  browserOrSkip: void;
}

/** For specs with plain HTTP requests, which need no browser. */
export const httpTest = base.extend<object, WorkerOptions>({
  browser: [
    async ({ browser }, use) => {
      addSessionsToContexts(browser);
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

/** Fails a test if its browser reported a problem. */
export const test = httpTest.extend<Fixtures>({
  browserOrSkip: [
    async ({}, use, testInfo) => {
      // Skipped locally without a browser; in CI the global set-up has already failed.
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
      'console errors, uncaught errors, CSP violations and failed responses',
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
