import { insertBatch, insertJob } from '../test/harness/rows';
import { en, ja } from './support/messages';
import { jobPageLink, lastToast } from './support/row-actions';
import { type SiteOptions, startSite } from './support/site';
import { expect, test } from './support/test';

/* Unsuitable tables cause one log line and one banner with the remedy, never a stack trace. */

async function withSite(
  basePath: string,
  name: string,
  options: SiteOptions,
  use: (site: Awaited<ReturnType<typeof startSite>>) => Promise<void>,
): Promise<void> {
  const site = await startSite(`schema ${name}`, basePath, options);
  try {
    await use(site);
    expect(site.server.output()).not.toMatch(/^\s+at /m);
  } finally {
    await site.stop();
  }
}

const UNUSABLE_SCHEMAS = [
  [
    'no_tables',
    {
      sql: [
        `DROP TABLE good_jobs, good_job_executions, good_job_batches, good_job_processes,
            good_job_settings`,
      ],
    },
  ],
  ['good_job_3', { sql: ['ALTER TABLE good_jobs DROP COLUMN locked_by_id'] }],
  ['no_schema', { env: { DATABASE_SCHEMA: 'elsewhere' } }],
] as const;

for (const [code, options] of UNUSABLE_SCHEMAS) {
  test(`${code}: shows the remedy in both languages`, async ({ page, basePath, problems }) => {
    problems.allowStatus(503);
    await withSite(
      basePath,
      code,
      {
        ...options,
        sql: 'sql' in options ? [...options.sql] : [],
        env: 'env' in options ? options.env : {},
      },
      async (site) => {
        for (const [locale, translate] of [
          ['ja', ja],
          ['en', en],
        ] as const) {
          expect((await page.goto(site.url(`/batches?locale=${locale}`)))?.status()).toBe(503);
          await expect(page.getByRole('alert').first()).toContainText(translate(`errors.${code}`));
        }
        expect(site.server.output()).toContain(`Database: ${en(`errors.${code}`)}`);
        await page.goto('about:blank');
      },
    );
  });
}

test('lists missing migrations in the log and on the page', async ({ page, basePath }) => {
  const sql = [
    'ALTER TABLE good_jobs DROP COLUMN lock_type',
    'ALTER TABLE good_job_batches DROP COLUMN jobs_finished_at',
    'DROP INDEX index_good_jobs_on_discarded',
  ];
  await withSite(
    basePath,
    'older',
    { sql, seed: async (db) => void (await insertJob(db, { batch_id: await insertBatch(db) })) },
    async (site) => {
      await site.open(page, '/jobs?locale=en');
      await page.getByText(en('banners.migrationDetails')).click();
      for (const migration of [
        'add_jobs_finished_at_to_good_job_batches',
        'add_lock_type_to_good_jobs',
        'add_index_good_jobs_discarded',
      ]) {
        await expect(page.locator('main')).toContainText(migration);
        expect(site.server.output()).toContain(migration);
      }
      expect((await site.open(page, '/batches')).status()).toBe(200);
      expect(
        (
          await site.open(
            page,
            `/batches/${await site.value<string>('SELECT id FROM good_job_batches')}`,
          )
        ).status(),
      ).toBe(200);
      expect(
        (
          await site.open(page, `/jobs/${await site.value<string>('SELECT id FROM good_jobs')}`)
        ).status(),
      ).toBe(200);
    },
  );
});

test('supports another schema and timestamptz columns', async ({ page, basePath }) => {
  const columns = [
    'created_at',
    'updated_at',
    'scheduled_at',
    'performed_at',
    'finished_at',
    'locked_at',
    'cron_at',
  ];
  const sql = columns.map(
    (column) =>
      `ALTER TABLE good_jobs
        ALTER COLUMN ${column} TYPE timestamptz USING ${column} AT TIME ZONE 'UTC'`,
  );
  await withSite(basePath, 'elsewhere', { schema: 'queue', sql }, async (site) => {
    const id = await insertJob(site.db, {
      created_at: '2026-11-20T10:00:00.123456Z',
      scheduled_at: '2026-11-20T10:00:00.123456Z',
    });
    await site.open(page, `/jobs/${id}?locale=en&raw=1`);
    await expect(page.locator('main')).toContainText('2026-11-20 10:00:00 UTC');
    await (await jobPageLink(page, 'discard')).click();
    await page
      .getByRole('dialog')
      .getByRole('button', { name: en('actions.discard.confirm'), exact: true })
      .click();
    await expect(lastToast(page)).toContainText(en('outcomes.done.discard'));
    expect(
      await site.value(
        `SELECT abs(extract(epoch FROM finished_at - clock_timestamp())) < 60
          FROM good_jobs
          WHERE id = $1`,
        id,
      ),
    ).toBe(true);
    // Stops the polling before its server stops.
    await page.goto('about:blank');
  });
});
