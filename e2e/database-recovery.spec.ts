import { readFileSync } from 'node:fs';
import { DISCARDED, insertBatch, insertJob, readRow } from '../test/harness/rows';
import { testServerOptions } from '../test/harness/test-server';
import { startPostgres } from '../test/postgres/postgres';
import { startConsole } from './support/console-server';
import { en } from './support/messages';
import { lastToast } from './support/row-actions';
import { connect, waitForHydration, startSite } from './support/site';
import { expect, test } from './support/test';

/* The database fails and recovers while a page is open; the console is never restarted. */
const SCHEMA = readFileSync(
  new URL('../test/fixtures/good_job-4.19.2.sql', import.meta.url),
  'utf8',
);

test('an open page reports a killed database and recovers after its restart', async ({
  page,
  problems,
}) => {
  test.setTimeout(120_000);
  problems.allowStatus(503);
  const postgres = await startPostgres({
    ...(await testServerOptions()),
    settings: { fsync: 'on' },
  });
  const url = await postgres.createDatabase('recovery');
  const db = await connect(url);
  await db.query(SCHEMA);
  const id = await insertJob(db, DISCARDED);
  await db.end();
  const server = await startConsole({ databaseUrl: url });
  try {
    await page.goto(`${server.origin}/jobs`);
    await waitForHydration(page);
    postgres.kill();

    // The rows stay on the screen, and an action reports that nothing was changed.
    const note = page.getByText(en('polling.failed', { time: '' }).split('.')[0] ?? '');
    await expect(note).toBeVisible({ timeout: 30_000 });
    await expect(page.locator(`[data-job="${id}"]`)).toBeVisible();
    await page
      .locator(`[data-job="${id}"]`)
      .getByRole('button', { name: en('jobs.menu', { id }) })
      .click();
    await page.getByRole('menuitem', { name: en('actions.retry.menu') }).click();
    await page
      .getByRole('dialog')
      .getByRole('button', { name: en('actions.retry.confirm'), exact: true })
      .click();
    await expect(lastToast(page)).toContainText(en('errors.database_down'), { timeout: 20_000 });
    const otherPage = await page.context().newPage();
    expect((await otherPage.goto(`${server.origin}/jobs/${id}`))?.status()).toBe(503);
    await expect(otherPage.getByRole('alert').first()).toHaveText(en('errors.database_down'));

    await postgres.restart('immediate');
    await expect(note).toHaveCount(0, { timeout: 30_000 });
    await page
      .locator(`[data-job="${id}"]`)
      .getByRole('button', { name: en('jobs.menu', { id }) })
      .click();
    await page.getByRole('menuitem', { name: en('actions.retry.menu') }).click();
    await page
      .getByRole('dialog')
      .getByRole('button', { name: en('actions.retry.confirm'), exact: true })
      .click();
    await expect(lastToast(page)).toContainText(en('outcomes.done.retry'));
    await otherPage.getByRole('link', { name: en('errors.retry') }).click();
    await expect(otherPage.getByRole('heading', { level: 1 })).toHaveText('TestJob');
    const after = await connect(url);
    expect((await readRow(after, 'good_jobs', id)).finished_at).toBeNull();
    await after.end();
  } finally {
    await server.stop();
    await postgres.stop();
  }
});

test('cancels a slow query after its timeout and renders the rest of the page', async ({
  page,
  problems,
  basePath,
}) => {
  problems.allowStatus(503);
  // Scripts that a page was still loading at the next navigation.
  problems.allow(/ChunkLoadError/);
  let batch = '';
  const site = await startSite('slow queries', basePath, {
    seed: async (db) => {
      batch = await insertBatch(db, { description: 'Slow batch' });
      await insertJob(db, { batch_id: batch });
    },
  });
  try {
    expect((await page.goto(site.url(`/batches/${batch}`)))?.status()).toBe(200);
    // From now on, reading a row of good_jobs takes half a minute.
    await site.db.query('ALTER TABLE good_jobs RENAME TO good_jobs_stored');
    await site.db.query(
      `CREATE FUNCTION half_a_minute() RETURNS boolean LANGUAGE plpgsql VOLATILE
        AS $$ BEGIN PERFORM pg_sleep(30); RETURN true; END $$`,
    );
    await site.db.query(
      'CREATE VIEW good_jobs AS SELECT * FROM good_jobs_stored WHERE half_a_minute()',
    );
    const started = Date.now();
    const response = await page.goto(site.url('/jobs'));
    expect(Date.now() - started).toBeLessThan(8_000);
    expect(response?.status()).toBe(503);
    await expect(page.getByRole('alert').first()).toContainText(en('errors.query_timeout'));

    await page.goto(site.url(`/batches/${batch}`));
    expect(Date.now() - started).toBeLessThan(20_000);
    await expect(page.getByRole('heading', { level: 1 })).toHaveText('Slow batch');
    await expect(page.getByRole('group', { name: en('batch.attributes') })).toContainText(
      '"description": "Slow batch"',
    );
    await expect(
      page.getByRole('region', { name: en('batch.batchedJobs') }).getByRole('alert'),
    ).toContainText(en('errors.query_timeout'));
    await page.goto('about:blank');

    await site.db.query('DROP VIEW good_jobs');
    await site.db.query('ALTER TABLE good_jobs_stored RENAME TO good_jobs');
    await expect(async () =>
      expect((await page.goto(site.url('/jobs')))?.status()).toBe(200),
    ).toPass({ timeout: 20_000 });
  } finally {
    await site.stop();
  }
});

test('an action reports a read-only database and works again afterwards', async ({
  page,
  problems,
  basePath,
}) => {
  problems.allowStatus(403);
  problems.allow(/ChunkLoadError/);
  let id = '';
  const site = await startSite('read-only', basePath, {
    seed: async (db) => {
      id = await insertJob(db, DISCARDED);
    },
  });
  const name = await site.value<string>('SELECT current_database()');
  // As in a failover: existing connections end, and new ones have other settings.
  const setReadOnly = async (on: boolean) => {
    await site.db.query(
      `ALTER DATABASE "${name}" SET default_transaction_read_only TO ${on ? 'on' : 'off'}`,
    );
    await site.db.query(
      `SELECT pg_terminate_backend(pid)
        FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()`,
    );
  };
  const retry = async () => {
    await page.getByRole('link', { name: en('actions.retry.menu'), exact: true }).click();
    await page
      .getByRole('dialog')
      .getByRole('button', { name: en('actions.retry.confirm'), exact: true })
      .click();
  };
  try {
    await site.open(page, `/jobs/${id}`);
    await setReadOnly(true);
    await retry();
    await expect(lastToast(page)).toContainText(en('errors.read_only'));
    expect(
      await site.value('SELECT finished_at IS NOT NULL FROM good_jobs WHERE id = $1', id),
    ).toBe(true);
    await site.open(page, `/jobs/${id}`);
    await expect(page.locator('main')).toContainText(en('banners.readOnly'));

    await setReadOnly(false);
    await expect(async () => {
      await site.open(page, `/jobs/${id}`);
      await expect(
        page.getByRole('link', { name: en('actions.retry.menu'), exact: true }),
      ).toBeVisible({ timeout: 500 });
    }).toPass({ timeout: 15_000 });
    await retry();
    await expect(lastToast(page)).toContainText(en('outcomes.done.retry'));
  } finally {
    // The page refreshes after the action, which must not meet a stopped server.
    await page.goto('about:blank');
    await site.stop();
  }
});

test('detects new grants without a restart', async ({ page, problems, basePath }) => {
  // Scripts that a page was still loading at the next navigation.
  problems.allow(/ChunkLoadError/);
  const role = `granted_${Math.random().toString(36).slice(2, 10)}`;
  const site = await startSite('later grants', basePath, {
    seed: async (db) => void (await insertJob(db, DISCARDED)),
    serverUrl: async (url, db) => {
      await db.query(
        `CREATE ROLE ${role} LOGIN PASSWORD 'granted';
          GRANT USAGE ON SCHEMA public, good_job_console TO ${role};
          GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${role};
          GRANT ALL ON ALL TABLES IN SCHEMA good_job_console TO ${role}`,
      );
      return Object.assign(new URL(url), { username: role, password: 'granted' }).href;
    },
  });
  try {
    await site.open(page, '/jobs');
    await expect(page.locator('main')).toContainText('can’t write to good_jobs');
    await site.db.query(`GRANT ALL ON ALL TABLES IN SCHEMA public TO ${role}`);
    await expect(async () => {
      await site.open(page, '/jobs');
      await expect(page.locator('main')).not.toContainText('can’t write to good_jobs', {
        timeout: 500,
      });
    }).toPass({ timeout: 15_000 });
  } finally {
    await site.stop();
  }
});
