import type { Page } from 'playwright/test';
import { DISCARDED, insertJob, readRow } from '../test/harness/rows';
import { type Deployment, startDeployment } from './support/deployment';
import { en } from './support/messages';
import { NO_NGINX, findNginx } from './support/nginx';
import { openActionDialog } from './support/row-actions';
import { expect, test } from './support/test';

/* The session of the proxy or of the console ends while a page is open. */
const PREFIX = '/ops/good_job';

test.describe('an expired session of the proxy', () => {
  test('reports an expired proxy session', async ({ page, context, problems }, testInfo) => {
    problems.allow(/favicon\.ico|status of 403/);
    if (!findNginx() && process.env.CI !== 'true') testInfo.skip(true, NO_NGINX);
    const deployment = await startDeployment('session of the proxy', {
      basePath: PREFIX,
      signIn: 'proxy',
      nginx: { stripsPrefix: true },
      env: { LIVE_FLOOR_SECONDS: '1' },
    });
    try {
      const id = await insertJob(deployment.site.db);
      await deployment.signIn(page, 'viewer');
      await deployment.open(page, '/jobs');
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
      await deployment.stop();
    }
  });
});

test.describe('an expired session', () => {
  let deployment: Deployment;
  test.beforeAll(async () => {
    deployment = await startDeployment('session expiry', {
      basePath: PREFIX,
      signIn: 'oidc',
      nginx: null,
      env: { SESSION_IDLE_MINUTES: '0.1', LIVE_FLOOR_SECONDS: '1' },
    });
  });
  test.afterAll(() => deployment?.stop());

  const note = (page: Page) =>
    page.getByRole('status').filter({ hasText: en('errors.signed_out') });

  test('polling and an action report an expired session and change nothing', async ({
    page,
    problems,
  }) => {
    problems.allow(/favicon\.ico/);
    problems.allowStatus(401);
    const id = await insertJob(deployment.site.db, DISCARDED);
    await deployment.signIn(page, 'operator');
    await deployment.open(page, '/jobs');
    const dialog = await openActionDialog(page, id, 'retry');
    const pollStatus = async () => (await page.request.get(deployment.url('/api/jobs'))).status();
    await expect.poll(pollStatus, { timeout: 20_000 }).toBe(401);
    await dialog.getByRole('button', { name: en('actions.retry.confirm'), exact: true }).click();
    await expect(page.locator('body')).toContainText(en('errors.signed_out'));
    expect((await readRow(deployment.site.db, 'good_jobs', id)).finished_at).not.toBeNull();
    await page.keyboard.press('Escape');
    // Polling does not extend the session.
    await expect(note(page).first()).toBeVisible({ timeout: 20_000 });
    await expect(page.locator(`[data-job="${id}"]`), 'the rows remain').toBeVisible();
  });
});
