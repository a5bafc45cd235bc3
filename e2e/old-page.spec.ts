import { readFileSync } from 'node:fs';
import path from 'node:path';
import type { Page } from 'playwright/test';
import { DISCARDED, insertJob } from '../test/harness/rows';
import { ROLE_ENV } from './support/accounts';
import { callAction, tablesChecksum, actionPagePath } from './support/action-calls';
import { ensureBuild } from './support/build';
import { builtActions } from './support/built-endpoints';
import { type ConsoleServer, startConsole } from './support/console-server';
import { en } from './support/messages';
import { makeOtherBuild } from './support/other-build';
import { ACTIONS, type ActionCall, type Rows, insertRows } from './support/permission-matrix';
import { waitForHydration, useSite } from './support/site';
import { expect, httpTest, test } from './support/test';

/* A page from another release than the server runs no action and says so. */

const SECRET = 'the-secret-of-the-proxy-and-the-console';
const env = {
  AUTH_MODE: 'proxy-header',
  AUTH_PROXY_SECRET: SECRET,
  ...ROLE_ENV,
  WRITE_RATE_LIMIT: '0',
  SEARCH_RATE_LIMIT: '0',
};
const proxyHeaders = {
  'X-Auth-Proxy-Secret': SECRET,
  'X-Forwarded-User': 'admin',
  'X-Forwarded-Groups': 'admins',
};
let rows: Rows;
const site = useSite('old page', {
  env,
  seed: async (db) => {
    rows = await insertRows(db);
  },
});
const UPDATED = en('errors.console_updated');

/** The call with a field that is not in its schema. */
function withUnknownField(call: ActionCall): ActionCall {
  if ('args' in call) return { args: [{ ...(call.args[0] as object), unknown_field: '1' }] };
  if ('form' in call) return { form: { ...call.form, unknown_field: '1' } };
  return { stateForm: { ...call.stateForm, unknown_field: '1' } };
}

for (const [name, cases] of Object.entries(ACTIONS))
  httpTest(`${name} rejects an unknown field`, { tag: '@any-path' }, async () => {
    const action = builtActions().get(name);
    if (!action) throw new Error(`No page uses ${name}.`);
    for (const actionCase of cases) {
      const call = withUnknownField(await actionCase.prepare(site.db));
      const before = await tablesChecksum(site);
      const headers = { ...proxyHeaders, Origin: site.server.origin };
      const { text } = await callAction(
        site.url(actionPagePath(action, rows)),
        action,
        call,
        headers,
      );
      expect(text.includes('console_updated') || text.includes(UPDATED), text.slice(0, 500)).toBe(
        true,
      );
      expect(await tablesChecksum(site), actionCase.name).toBe(before);
    }
  });

httpTest('the build has a fixed encryption key and build id', { tag: '@any-path' }, () => {
  const folder = path.dirname(process.env.GJC_E2E_MAIN ?? ensureBuild());
  const manifest = readFileSync(
    path.join(folder, '.next/server/server-reference-manifest.json'),
    'utf8',
  );
  const { encryptionKey } = JSON.parse(manifest) as { encryptionKey: string };
  expect(Buffer.from(encryptionKey, 'base64').toString()).toBe('good-job-console server actions!');
  expect(readFileSync(path.join(folder, '.next/BUILD_ID'), 'utf8')).toMatch(/^[0-9a-f]{20}$/);
});

test.describe('an old page on a new build', () => {
  test.use({ extraHTTPHeaders: proxyHeaders });
  test.setTimeout(120_000);
  let main: string;
  let server: ConsoleServer | undefined;
  test.beforeAll(async ({}, testInfo) => {
    main = makeOtherBuild(testInfo.outputPath('other-build'));
  });
  test.afterEach(async () => {
    await server?.stop();
    server = undefined;
  });

  /**
   * Opens a page of the other build; the returned function replaces that server with one of this
   * build on the same port.
   */
  async function openOld(page: Page, basePath: string, address: string) {
    const options = { databaseUrl: site.databaseUrl, basePath, env };
    const old = await startConsole({ ...options, main });
    server = old;
    const url = old.origin + basePath;
    await page.goto(url + address);
    await waitForHydration(page);
    return async () => {
      await old.stop();
      server = await startConsole({ ...options, env: { ...env, PORT: String(old.port) } });
    };
  }
  const reason = (page: Page) => page.locator('textarea[name="reason"]');

  test('a form of an old page reports the update and keeps its input', async ({
    page,
    basePath,
    problems,
  }) => {
    problems.allowStatus(404);
    const id = await insertJob(site.db, DISCARDED);
    const upgrade = await openOld(page, basePath, `/jobs/${id}/retry`);
    await reason(page).fill('an incident');
    await upgrade();
    await page.getByRole('button', { name: en('actions.retry.confirm'), exact: true }).click();
    await expect(page.getByRole('alert').filter({ hasText: UPDATED })).toBeVisible();
    await expect(reason(page)).toHaveValue('an incident');
    expect(await site.value('SELECT finished_at FROM good_jobs WHERE id = $1', id)).not.toBeNull();
  });

  test('a dialog of an old page reports the update and keeps its input', async ({
    page,
    basePath,
    problems,
  }) => {
    problems.allowStatus(404);
    const id = await insertJob(site.db, DISCARDED);
    const upgrade = await openOld(page, basePath, '/jobs');
    await page.locator(`[data-job="${id}"] [aria-haspopup="menu"]`).click();
    await page.getByRole('menuitem', { name: en('actions.retry.menu') }).click();
    await reason(page).fill('an incident');
    await upgrade();
    await page.getByRole('button', { name: en('actions.retry.confirm'), exact: true }).click();
    await expect(page.getByRole('dialog').getByRole('alert')).toHaveText(UPDATED);
    await expect(reason(page)).toHaveValue('an incident');
    expect(await site.value('SELECT finished_at FROM good_jobs WHERE id = $1', id)).not.toBeNull();
  });

  test('an old page replaces a missing script with a notice and keeps its input', async ({
    page,
    basePath,
    problems,
  }) => {
    problems.allowStatus(404);
    problems.allow(/ChunkLoadError|Failed to load chunk|MIME type/);
    const id = await insertJob(site.db, DISCARDED);
    const upgrade = await openOld(page, basePath, '/jobs');
    const search = page.getByRole('combobox', { name: en('search.label') });
    await search.fill('請求');
    await upgrade();
    await page.locator(`[data-job="${id}"] [aria-haspopup="menu"]`).click();
    await expect(page.getByRole('alert').filter({ hasText: UPDATED }).first()).toBeVisible();
    await expect(search).toHaveValue('請求');
  });

  test('the reveal form of an old page reports the update and keeps its input', async ({
    page,
    basePath,
    problems,
  }) => {
    problems.allowStatus(404);
    const id = await insertJob(site.db, DISCARDED);
    const upgrade = await openOld(page, basePath, `/jobs/${id}/reveal`);
    await reason(page).first().fill('an incident');
    await upgrade();
    await page.locator('main form').first().getByRole('button').click();
    await expect(page.locator('main')).toContainText(UPDATED);
    await expect(reason(page).first()).toHaveValue('an incident');
  });
});
