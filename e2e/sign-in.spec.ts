import { request as httpRequest } from 'node:http';
import { DISCARDED, insertJob, readRow } from '../test/harness/rows';
import { builtActions } from './support/built-endpoints';
import { type Deployment, type Topology, startDeployment } from './support/deployment';
import { en } from './support/messages';
import { NO_NGINX, findNginx } from './support/nginx';
import { runAction } from './support/row-actions';
import { waitForHydration } from './support/site';
import { expect, test } from './support/test';

/*
 * Sign-in, actions, refusals and sign-out from the outside: with a real OpenID Provider and behind
 * a real nginx that strips or keeps the prefix, with auth_request or with OpenID Connect.
 */
const PREFIX = '/ops/good_job';
const TOPOLOGIES: Record<string, Topology> = {
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

for (const [title, topology] of Object.entries(TOPOLOGIES)) {
  test.describe(title, () => {
    let deployment: Deployment;
    test.beforeAll(async ({}, testInfo) => {
      // Skipped locally without nginx; fails in CI.
      if (topology.nginx && !findNginx() && process.env.CI !== 'true')
        testInfo.skip(true, NO_NGINX);
      deployment = await startDeployment(`sign-in ${title}`, topology);
    });
    test.beforeEach(({ problems }) => {
      // Pages of the provider and the proxy request an icon at the root of the origin.
      problems.allow(/favicon\.ico/);
      // nginx responds with the sign-in form and status 403.
      if (topology.signIn === 'proxy') problems.allowStatus(403);
    });
    test.afterEach(async ({}, testInfo) => {
      if (testInfo.status !== testInfo.expectedStatus)
        await testInfo.attach('server output', {
          body: deployment?.site.server.output().slice(-20_000) ?? '',
          contentType: 'text/plain',
        });
    });
    test.afterAll(() => deployment?.stop());

    test('returns to a deep link after the sign-in and stays under the prefix', async ({
      page,
      context,
    }) => {
      const outside: string[] = [];
      page.on('request', (request) => {
        const url = new URL(request.url());
        if (
          url.origin === new URL(deployment.publicUrl).origin &&
          !url.pathname.startsWith(`${topology.basePath}/`) &&
          !/^\/(sign-in|favicon\.ico)/.test(url.pathname)
        )
          outside.push(request.url());
      });
      const id = await insertJob(deployment.site.db, DISCARDED);
      await deployment.signIn(page, 'operator', `/jobs?state=discarded&job_class=TestJob`);
      await deployment.open(page, '/jobs?state=discarded&job_class=TestJob');
      await expect(page.getByRole('banner')).toContainText('operator');
      const pollResponse = page.waitForResponse(
        (response) => new URL(response.url()).pathname === `${topology.basePath}/api/jobs`,
        { timeout: 30_000 },
      );
      await runAction(page, id, 'retry');
      await expect
        .poll(async () => (await readRow(deployment.site.db, 'good_jobs', id)).finished_at)
        .toBeNull();
      expect(
        await deployment.site.value<string>(
          `SELECT viewer || ' ' || role || ' ' || action
            FROM good_job_console.audit_events
            WHERE target_ids = ARRAY[$1::uuid]`,
          id,
        ),
      ).toBe(
        `${topology.signIn === 'oidc' ? 'operator@example.com' : 'operator'} operator job.retry`,
      );
      expect((await pollResponse).status()).toBe(200);
      expect(outside, 'requests outside of the prefix').toEqual([]);
      for (const cookie of await context.cookies())
        if (cookie.name.includes('gjc_'))
          expect(cookie, cookie.name).toMatchObject({
            path: topology.basePath || '/',
            sameSite: 'Lax',
          });
    });

    test('the base path alone is the overview, with and without a slash', async ({ page }) => {
      await deployment.signIn(page, 'viewer');
      for (const path of ['', '/', '?range=6h', '/?range=6h']) {
        const response = await page.goto(deployment.publicUrl + path);
        expect(response?.status(), path).toBe(200);
        await waitForHydration(page);
        await expect(page.getByRole('heading', { level: 1 }), path).toHaveText(
          en('overview.title'),
        );
        await expect(
          page.getByRole('link', {
            name: en(path.includes('6h') ? 'overview.ranges.6h' : 'overview.ranges.1h'),
          }),
          path,
        ).toHaveAttribute('aria-current', 'true');
      }
    });

    test('keeps downloads and preferences under the prefix', async ({ page, context }) => {
      await deployment.signIn(page, 'viewer');
      const file = await page.request.get(deployment.url('/api/jobs/export?format=csv'));
      expect(file.status()).toBe(200);
      expect(file.headers()['content-disposition']).toContain('attachment');
      await page.goto(deployment.url('/jobs?_theme=dark'));
      expect(page.url()).toBe(deployment.url('/jobs'));
      expect((await context.cookies()).find(({ name }) => name === 'gjc_theme')).toMatchObject({
        path: topology.basePath || '/',
      });
    });

    test('disables actions for a viewer and refuses a forged call', async ({ page }) => {
      const id = await insertJob(deployment.site.db, DISCARDED);
      const before = await readRow(deployment.site.db, 'good_jobs', id);
      await deployment.signIn(page, 'viewer', `/jobs/${id}`);
      await page.getByRole('button', { name: en('job.moreActions') }).click();
      for (const action of ['retry', 'destroy'] as const) {
        const button = page
          .locator('main')
          .getByRole('button', { name: en(`actions.${action}.name`), exact: true });
        await expect(button).toHaveAttribute('aria-disabled', 'true');
        await button.hover();
        await expect(page.getByRole('tooltip')).toHaveText(en('actions.why.forbidden'));
        await page.mouse.move(0, 0);
        await expect(page.getByRole('tooltip')).toHaveCount(0);
      }
      expect(
        await page
          .locator('main')
          .getByRole('link', { name: en('actions.retry.menu'), exact: true })
          .count(),
      ).toBe(0);
      const forgedCall = await page.request.post(deployment.url(`/jobs/${id}`), {
        headers: {
          'Next-Action': builtActions().get('lib/jobs/actions.ts#changeJob')?.id ?? '',
          'Content-Type': 'text/plain;charset=UTF-8',
          Accept: 'text/x-component',
          Origin: new URL(deployment.publicUrl).origin,
        },
        data: JSON.stringify([{ action: 'retry', id }]),
      });
      expect(forgedCall.status()).toBe(200);
      expect(await forgedCall.text()).toContain('forbidden');
      expect(await readRow(deployment.site.db, 'good_jobs', id)).toEqual(before);
    });

    test('shows nothing to an account without a role', async ({ page, problems }) => {
      problems.allowStatus(403);
      const id = await insertJob(deployment.site.db, DISCARDED);
      await deployment.signIn(page, 'nobody', `/jobs/${id}`);
      await expect(page.locator('body')).toContainText(en('gateway.no_role'));
      await expect(page.locator('body')).not.toContainText('TestJob');
    });

    test('shows nothing after a sign-out, even with the back button or old cookies', async ({
      page,
      context,
      problems,
    }) => {
      problems.allow(/status of 40\d/);
      const id = await insertJob(deployment.site.db, DISCARDED);
      await deployment.signIn(page, 'operator', `/jobs/${id}`);
      await deployment.open(page, `/jobs/${id}`);
      const cookies = await context.cookies(deployment.url('/'));
      await deployment.signOut(page);
      await expect(page.locator('body')).not.toContainText(id);
      await page.goBack();
      await expect(page.locator('main')).toHaveCount(0);
      await deployment.expectSignedOut(page, `/jobs/${id}`);
      if (topology.signIn === 'oidc') {
        await context.clearCookies();
        await context.addCookies(cookies);
        expect((await page.request.get(deployment.url('/api/jobs'))).status()).toBe(401);
      }
    });

    test('rejects requests that bypass the proxy', async () => {
      const send = (port: number, path: string, headers: Record<string, string> = {}) =>
        new Promise<{ status: number; body: string }>((resolve, reject) => {
          httpRequest(
            {
              host: '127.0.0.1',
              port,
              path,
              headers: { Host: new URL(deployment.publicUrl).host, ...headers },
            },
            (response) => {
              let body = '';
              response
                .setEncoding('utf8')
                .on('data', (chunk: string) => {
                  body += chunk;
                })
                .on('end', () => resolve({ status: response.statusCode ?? 0, body }));
            },
          )
            .on('error', reject)
            .end();
        });
      const publicPort = Number(new URL(deployment.publicUrl).port);
      const forgedHeaders = {
        'X-Forwarded-User': 'admin',
        'X-Forwarded-Groups': 'admins',
        'X-Auth-Proxy-Secret': 'guess',
        'X-Gjc-Viewer': 'admin:admin',
      };
      for (const headers of [{}, forgedHeaders]) {
        for (const path of [`${topology.basePath}/jobs`, `${topology.basePath}/api/jobs`]) {
          for (const port of [publicPort, deployment.site.server.port]) {
            const { status, body } = await send(port, path, headers as Record<string, string>);
            expect(
              [303, 401, 403],
              `${port === publicPort ? 'front' : 'console'} ${path}`,
            ).toContain(status);
            expect(body).not.toContain('TestJob');
          }
        }
      }
      for (const path of [
        `${topology.basePath || '/jobs'}x/jobs`,
        `${topology.basePath}//jobs`,
        `${topology.basePath}/%2e%2e/jobs`,
        `${topology.basePath}/..%2fjobs`,
        `${topology.basePath}/jobs/..;/jobs`,
        `//evil.example${topology.basePath}/jobs`,
        `${topology.basePath}/%252e%252e/jobs`,
      ]) {
        const { status, body } = await send(publicPort, path);
        expect(status === 200 || status >= 500, `${path}: ${status}`).toBe(false);
        expect(body).not.toContain('TestJob');
      }
    });
  });

  test.describe(`${title}, without JavaScript`, () => {
    test.use({ javaScriptEnabled: false });
    test('runs an action without JavaScript and returns to the job', async ({
      page,
      problems,
    }, testInfo) => {
      problems.allow(/favicon\.ico|status of 403/);
      if (topology.nginx && !findNginx() && process.env.CI !== 'true')
        testInfo.skip(true, NO_NGINX);
      const deployment = await startDeployment(`sign-in without javascript ${title}`, topology);
      try {
        const id = await insertJob(deployment.site.db, DISCARDED);
        await deployment.signIn(page, 'operator', `/jobs/${id}/retry`);
        await page.getByRole('button', { name: en('actions.retry.confirm'), exact: true }).click();
        await expect(page.getByRole('status')).toContainText(en('outcomes.done.retry'));
        expect(page.url()).toContain(deployment.url(`/jobs/${id}?`));
        expect((await readRow(deployment.site.db, 'good_jobs', id)).finished_at).toBeNull();
      } finally {
        await page.goto('about:blank');
        await deployment.stop();
      }
    });
  });
}
