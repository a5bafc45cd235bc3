import { request as httpRequest } from 'node:http';
import type { Page } from 'playwright/test';
import { DISCARDED, insertJob, row } from '../test/harness/rows';
import { act, choose } from './support/acting';
import { builtActions } from './support/built-doors';
import { type Deployment, type Way, startDeployment } from './support/deployment';
import { en } from './support/messages';
import { NO_NGINX, findNginx } from './support/nginx';
import { expect, test } from './support/test';

/*
 * From the outside: somebody opens a link, signs in, acts, is refused, signs out. Once by a real OpenID Provider at
 * the console's own address, and behind a real nginx under a path, which takes the prefix off or leaves it, signing
 * people in by auth_request or leaving that to the console.
 */
const PREFIX = '/ops/good_job';
const WAYS: Record<string, Way> = {
  'OpenID Connect, at the root': { basePath: '', signIn: 'oidc', nginx: null },
  'nginx with auth_request, prefix left': {
    basePath: PREFIX,
    signIn: 'proxy',
    nginx: { stripsPrefix: false },
  },
  'nginx with auth_request, prefix stripped': {
    basePath: PREFIX,
    signIn: 'proxy',
    nginx: { stripsPrefix: true },
  },
  'OpenID Connect behind nginx, prefix left': {
    basePath: PREFIX,
    signIn: 'oidc',
    nginx: { stripsPrefix: false },
  },
  'OpenID Connect behind nginx, prefix stripped': {
    basePath: PREFIX,
    signIn: 'oidc',
    nginx: { stripsPrefix: true },
  },
};

for (const [title, way] of Object.entries(WAYS)) {
  test.describe(title, () => {
    let on: Deployment;
    test.beforeAll(async ({}, testInfo) => {
      // Counted and named as an ordinary user; under CI it fails.
      if (way.nginx && !findNginx() && process.env.CI !== 'true') testInfo.skip(true, NO_NGINX);
      on = await startDeployment(`sign-in ${title}`, way);
    });
    test.beforeEach(({ problems }) => {
      // What is not the console asks for an icon at the origin's root; and what is refused is refused with a status.
      problems.allow(/favicon\.ico/);
      // nginx shows the form for signing in in the place of what was asked for.
      if (way.signIn === 'proxy') problems.allowStatus(403);
    });
    test.afterEach(async ({}, testInfo) => {
      if (testInfo.status !== testInfo.expectedStatus)
        await testInfo.attach('what the server printed', {
          body: on?.site.server.output().slice(-20_000) ?? '',
          contentType: 'text/plain',
        });
    });
    test.afterAll(() => on?.stop());

    test('a deep link leads there after signing in; an operator acts; everything stays under the prefix', async ({
      page,
      context,
    }) => {
      const outside: string[] = [];
      page.on('request', (request) => {
        const url = new URL(request.url());
        if (
          url.origin === new URL(on.publicUrl).origin &&
          !url.pathname.startsWith(`${way.basePath}/`) &&
          !/^\/(sign-in|favicon\.ico)/.test(url.pathname)
        )
          outside.push(request.url());
      });
      const id = await insertJob(on.site.db, DISCARDED);
      await on.signIn(page, 'operator', `/jobs?state=discarded&job_class=TestJob`);
      await on.open(page, '/jobs?state=discarded&job_class=TestJob');
      await expect(page.locator('header')).toContainText('operator');
      const polled = page.waitForResponse(
        (response) => new URL(response.url()).pathname === `${way.basePath}/api/jobs`,
        { timeout: 30_000 },
      );
      await act(page, id, 'retry');
      await expect
        .poll(async () => (await row(on.site.db, 'good_jobs', id)).finished_at)
        .toBeNull();
      expect(
        await on.site.value<string>(
          `SELECT viewer || ' ' || role || ' ' || action FROM good_job_console.audit_events WHERE target_ids = ARRAY[$1::uuid]`,
          id,
        ),
      ).toBe(`${way.signIn === 'oidc' ? 'operator@example.com' : 'operator'} operator job.retry`);
      expect((await polled).status()).toBe(200);
      expect(outside, 'asked for outside of the prefix').toEqual([]);
      for (const cookie of await context.cookies())
        if (cookie.name.includes('gjc_'))
          expect(cookie, cookie.name).toMatchObject({ path: way.basePath || '/', sameSite: 'Lax' });
    });

    test('a download and a preference stay under the prefix too', async ({ page, context }) => {
      await on.signIn(page, 'viewer');
      const file = await page.request.get(on.url('/api/jobs/export?format=csv'));
      expect(file.status()).toBe(200);
      expect(file.headers()['content-disposition']).toContain('attachment');
      await page.goto(on.url('/jobs?_theme=dark'));
      expect(page.url()).toBe(on.url('/jobs'));
      expect((await context.cookies()).find(({ name }) => name === 'gjc_theme')).toMatchObject({
        path: way.basePath || '/',
      });
    });

    test('a viewer sees why, and a forged call changes nothing', async ({ page }) => {
      const id = await insertJob(on.site.db, DISCARDED);
      const before = await row(on.site.db, 'good_jobs', id);
      await on.signIn(page, 'viewer', `/jobs/${id}`);
      for (const action of ['retry', 'destroy'] as const) {
        const button = page
          .locator('main')
          .getByRole('button', { name: en(`actions.${action}.name`), exact: true });
        await expect(button).toHaveAttribute('aria-disabled', 'true');
        await button.hover();
        await expect(page.getByRole('tooltip')).toHaveText(en('actions.why.forbidden'));
      }
      expect(
        await page
          .locator('main')
          .getByRole('link', { name: en('actions.retry.menu'), exact: true })
          .count(),
      ).toBe(0);
      const forged = await page.request.post(on.url(`/jobs/${id}`), {
        headers: {
          'Next-Action': builtActions().get('lib/jobs/actions.ts#changeJob')?.id ?? '',
          'Content-Type': 'text/plain;charset=UTF-8',
          Accept: 'text/x-component',
          Origin: new URL(on.publicUrl).origin,
        },
        data: JSON.stringify([{ action: 'retry', id }]),
      });
      expect(forged.status()).toBe(200);
      expect(await forged.text()).toContain('forbidden');
      expect(await row(on.site.db, 'good_jobs', id)).toEqual(before);
    });

    test('who has no role is told so, and sees nothing', async ({ page, problems }) => {
      problems.allowStatus(403);
      const id = await insertJob(on.site.db, DISCARDED);
      await on.signIn(page, 'nobody', `/jobs/${id}`);
      await expect(page.locator('body')).toContainText(en('door.no_role'));
      await expect(page.locator('body')).not.toContainText('TestJob');
    });

    test('after signing out nothing is shown, by the back button neither, and the old cookies are worth nothing', async ({
      page,
      context,
      problems,
    }) => {
      problems.allow(/status of 40\d/);
      const id = await insertJob(on.site.db, DISCARDED);
      await on.signIn(page, 'operator', `/jobs/${id}`);
      await on.open(page, `/jobs/${id}`);
      const cookies = await context.cookies(on.url('/'));
      await on.signOut(page);
      await expect(page.locator('body')).not.toContainText(id);
      await page.goBack();
      await expect(page.locator('main')).toHaveCount(0);
      await on.expectSignedOut(page, `/jobs/${id}`);
      if (way.signIn === 'oidc') {
        await context.clearCookies();
        await context.addCookies(cookies);
        expect((await page.request.get(on.url('/api/jobs'))).status()).toBe(401);
      }
    });

    test('the console is not reached past what stands before it', async () => {
      const ask = (port: number, path: string, headers: Record<string, string> = {}) =>
        new Promise<{ status: number; body: string }>((resolve, reject) => {
          httpRequest(
            {
              host: '127.0.0.1',
              port,
              path,
              headers: { Host: new URL(on.publicUrl).host, ...headers },
            },
            (answer) => {
              let body = '';
              answer
                .setEncoding('utf8')
                .on('data', (chunk: string) => (body += chunk))
                .on('end', () => resolve({ status: answer.statusCode ?? 0, body }));
            },
          )
            .on('error', reject)
            .end();
        });
      const front = Number(new URL(on.publicUrl).port);
      const forged = {
        'X-Forwarded-User': 'admin',
        'X-Forwarded-Groups': 'admins',
        'X-Auth-Proxy-Secret': 'guess',
        'X-Gjc-Viewer': 'admin:admin',
      };
      for (const headers of [{}, forged]) {
        for (const path of [`${way.basePath}/jobs`, `${way.basePath}/api/jobs`]) {
          for (const port of [front, on.site.server.port]) {
            const { status, body } = await ask(port, path, headers as Record<string, string>);
            expect([303, 401, 403], `${port === front ? 'front' : 'console'} ${path}`).toContain(
              status,
            );
            expect(body).not.toContain('TestJob');
          }
        }
      }
      for (const path of [
        `${way.basePath || '/jobs'}x/jobs`,
        `${way.basePath}//jobs`,
        `${way.basePath}/%2e%2e/jobs`,
        `${way.basePath}/..%2fjobs`,
        `${way.basePath}/jobs/..;/jobs`,
        `//evil.example${way.basePath}/jobs`,
        `${way.basePath}/%252e%252e/jobs`,
      ]) {
        const { status, body } = await ask(front, path);
        expect(status === 200 || status >= 500, `${path}: ${status}`).toBe(false);
        expect(body).not.toContain('TestJob');
      }
    });
  });

  test.describe(`${title}, without JavaScript`, () => {
    test.use({ javaScriptEnabled: false });
    test('a form acts and leads back', async ({ page, problems }, testInfo) => {
      problems.allow(/favicon\.ico|status of 403/);
      if (way.nginx && !findNginx() && process.env.CI !== 'true') testInfo.skip(true, NO_NGINX);
      const on = await startDeployment(`sign-in without javascript ${title}`, way);
      try {
        const id = await insertJob(on.site.db, DISCARDED);
        await on.signIn(page, 'operator', `/jobs/${id}/retry`);
        await page.getByRole('button', { name: en('actions.retry.confirm'), exact: true }).click();
        await expect(page.getByRole('status')).toContainText(en('outcomes.done.retry'));
        expect(page.url()).toContain(on.url(`/jobs/${id}?`));
        expect((await row(on.site.db, 'good_jobs', id)).finished_at).toBeNull();
      } finally {
        await page.goto('about:blank');
        await on.stop();
      }
    });
  });
}

test.describe('a session of the proxy that ends', () => {
  test('the page that refreshes by itself says so', async ({
    page,
    context,
    problems,
  }, testInfo) => {
    problems.allow(/favicon\.ico|status of 403/);
    if (!findNginx() && process.env.CI !== 'true') testInfo.skip(true, NO_NGINX);
    const on = await startDeployment('session of the proxy', {
      basePath: PREFIX,
      signIn: 'proxy',
      nginx: { stripsPrefix: true },
      env: { LIVE_FLOOR_SECONDS: '1' },
    });
    try {
      const id = await insertJob(on.site.db);
      await on.signIn(page, 'viewer');
      await on.open(page, '/jobs');
      await context.clearCookies({ name: 'proxy_session' });
      await expect(
        page
          .getByRole('status')
          .filter({ hasText: en('errors.signed_out') })
          .first(),
      ).toBeVisible({ timeout: 20_000 });
      await expect(page.locator(`[data-job="${id}"]`)).toBeVisible();
    } finally {
      await page.goto('about:blank');
      await on.stop();
    }
  });
});

test.describe('a session that ends', () => {
  let on: Deployment;
  test.beforeAll(async () => {
    on = await startDeployment('session expiry', {
      basePath: PREFIX,
      signIn: 'oidc',
      nginx: null,
      env: { SESSION_IDLE_MINUTES: '0.1', LIVE_FLOOR_SECONDS: '1' },
    });
  });
  test.afterAll(() => on?.stop());

  const note = (page: Page) =>
    page.getByRole('status').filter({ hasText: en('errors.signed_out') });

  test('the page that refreshes by itself says so, an action too, and nothing is changed', async ({
    page,
    problems,
  }) => {
    problems.allow(/favicon\.ico/);
    problems.allowStatus(401);
    const id = await insertJob(on.site.db, DISCARDED);
    await on.signIn(page, 'operator');
    await on.open(page, '/jobs');
    const dialog = await choose(page, id, 'retry');
    await page.waitForTimeout(7_000);
    await dialog.getByRole('button', { name: en('actions.retry.confirm'), exact: true }).click();
    await expect(page.locator('body')).toContainText(en('errors.signed_out'));
    expect((await row(on.site.db, 'good_jobs', id)).finished_at).not.toBeNull();
    await page.keyboard.press('Escape');
    // Asking by itself has kept nobody signed in.
    await expect(note(page).first()).toBeVisible({ timeout: 20_000 });
    await expect(page.locator(`[data-job="${id}"]`), 'what was there stays readable').toBeVisible();
  });
});
