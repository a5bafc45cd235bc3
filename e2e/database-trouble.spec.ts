import { readFileSync } from 'node:fs';
import { DISCARDED, insertJob } from '../test/harness/rows';
import { testServerOptions } from '../test/harness/test-server';
import { startPostgres } from '../test/postgres/postgres';
import { startConsole } from './support/console-server';
import { en, ja } from './support/messages';
import { connect, startSite } from './support/site';
import { expect, test } from './support/test';

/* Each page reports a database that is down, slow or read-only, with the matching HTTP status. */
const SCHEMA = readFileSync(
  new URL('../test/fixtures/good_job-4.19.2.sql', import.meta.url),
  'utf8',
);

test('survives a restart of the database and reports when it is down', async ({
  page,
  problems,
}) => {
  problems.allowStatus(503);
  const postgres = await startPostgres(await testServerOptions());
  const url = await postgres.createDatabase('trouble');
  const db = await connect(url);
  await db.query(SCHEMA);
  const id = await insertJob(db, DISCARDED);
  // The test server commits asynchronously, so this forces the row to disk before the crash.
  await db.query('CHECKPOINT');
  await db.end();
  const server = await startConsole({ databaseUrl: url });
  try {
    await page.goto(`${server.origin}/jobs?locale=ja`);
    await expect(page.locator(`[data-job="${id}"]`)).toBeVisible();

    await postgres.restart('immediate');
    await page.goto(`${server.origin}/jobs/${id}`);
    await expect(page.getByRole('heading', { level: 1 })).toContainText('TestJob');

    await postgres.stop();
    const response = await page.goto(`${server.origin}/jobs?locale=ja`);
    expect(response?.status()).toBe(503);
    await expect(page.getByRole('alert').first()).toContainText(ja('errors.database_down'));
    expect((await page.request.get(`${server.origin}/readyz`)).status()).toBe(503);
    expect((await page.request.get(`${server.origin}/healthz`)).status()).toBe(200);
    expect((await page.request.get(`${server.origin}/api/jobs`)).status()).toBe(503);
  } finally {
    await server.stop();
  }
});

test('starts without a database', async ({ page, problems }) => {
  problems.allowStatus(503);
  const server = await startConsole({
    databaseUrl: 'postgres://nobody:secret@127.0.0.1:1/nothing',
  });
  try {
    const response = await page.goto(`${server.origin}/batches?locale=en`);
    expect(response?.status()).toBe(503);
    await expect(page.getByRole('alert').first()).toContainText(en('errors.database_down'));
    expect(await page.content()).not.toContain('secret');
    expect(server.output()).not.toContain('secret');
  } finally {
    await server.stop();
  }
});

test('cancels a query that waits for a lock and reports it', async ({
  page,
  problems,
  basePath,
}) => {
  problems.allowStatus(503);
  const site = await startSite('trouble slow', basePath);
  const locker = await connect(site.databaseUrl);
  try {
    await page.goto(site.url('/jobs'));
    await locker.query('BEGIN');
    await locker.query('LOCK TABLE good_jobs IN ACCESS EXCLUSIVE MODE');
    const started = Date.now();
    const response = await page.goto(site.url('/jobs?locale=ja'));
    expect(response?.status()).toBe(503);
    await expect(page.locator('main')).toContainText(ja('errors.query_timeout'));
    expect(Date.now() - started).toBeLessThan(15_000);
    await expect(page.getByRole('main').getByRole('alert')).toContainText(ja('errors.partial'));
    // The search and the tabs remain, so that the viewer can narrow the query.
    await expect(page.getByRole('combobox', { name: ja('search.label') })).toBeVisible();
    await expect(
      page
        .getByRole('navigation', { name: ja('jobs.tabs') })
        .getByRole('link', { name: ja('states.discarded') }),
    ).toBeVisible();
    await locker.query('ROLLBACK');
    expect((await page.goto(site.url('/jobs?locale=ja')))?.status()).toBe(200);
  } finally {
    await locker.end();
    await site.stop();
  }
});

test('keeps the rows when polling fails and says when they were current', async ({
  page,
  problems,
  basePath,
}) => {
  problems.allowStatus(503);
  const site = await startSite('trouble refresh', basePath, {
    seed: async (db) => void (await insertJob(db, DISCARDED)),
  });
  try {
    await page.goto(site.url('/jobs?locale=en'));
    await expect(page.locator('[data-job]')).toHaveCount(1);
    await page.route('**/api/jobs**', (route) =>
      route.fulfill({ status: 503, json: { error: 'database_down' } }),
    );
    await expect(page.getByText('Could not refresh')).toBeVisible({ timeout: 20_000 });
    await expect(page.locator('[data-job]')).toHaveCount(1);
  } finally {
    await site.stop();
  }
});

for (const [name, options] of [
  ['READ_ONLY=1', { env: { READ_ONLY: '1' } }],
  [
    'a role that may only read',
    {
      serverUrl: async (url: string, db: import('pg').Client) => {
        const role = `reader_${Math.random().toString(36).slice(2, 10)}`;
        await db.query(
          `CREATE ROLE ${role} LOGIN PASSWORD 'reader';
            GRANT USAGE ON SCHEMA public TO ${role};
            GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${role}`,
        );
        return Object.assign(new URL(url), { username: role, password: 'reader' }).href;
      },
    },
  ],
] as const) {
  test(`${name}: disables actions and refuses a forced request`, async ({
    page,
    basePath,
    problems,
  }) => {
    problems.allowStatus(403);
    let id = '';
    const site = await startSite(`trouble ${name}`, basePath, {
      ...options,
      seed: async (db) => {
        id = await insertJob(db, DISCARDED);
      },
    });
    try {
      await page.goto(site.url(`/jobs/${id}?locale=en`));
      await expect(page.locator('main')).toContainText(
        name === 'READ_ONLY=1' ? en('banners.readOnly') : 'can’t write to good_jobs',
      );
      await expect(page.getByRole('link', { name: en('actions.retry.menu') })).toHaveCount(0);
      await page.goto(site.url(`/jobs/${id}/retry?locale=en`));
      const confirm = page.getByRole('button', { name: en('actions.retry.confirm') });
      await expect(confirm).toBeDisabled();
      await confirm.evaluate((button: HTMLButtonElement) => {
        button.disabled = false;
      });
      await confirm.click();
      await expect(page.locator('main')).toContainText(en('errors.read_only'));
      expect(
        await site.value('SELECT finished_at IS NOT NULL FROM good_jobs WHERE id = $1', id),
      ).toBe(true);
      await page.goto('about:blank');
    } finally {
      await site.stop();
    }
  });
}
