import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { DEMO_COMMENT, TABLES } from '../lib/good-job/tables';
import { insertJob } from '../test/harness/rows';
import { type ConsoleServer, startConsole } from './support/console-server';
import { startSite, useSite } from './support/site';
import { expect, test } from './support/test';

/*
 * The server validates its configuration at startup and exits with one sentence on an error; DEMO=1
 * opens only the tables of the demo.
 */
const site = useSite('start');

for (const [name, databaseUrl, env, message] of [
  [
    'sslmode',
    'postgres://x@127.0.0.1:1/x?sslmode=full',
    {},
    'sslmode in DATABASE_URL is "full"; it must be one of disable,',
  ],
  [
    'the port of DATABASE_URL',
    'postgres://x@127.0.0.1:1/x',
    { DATABASE_URL: 'postgres://x:a/b@127.0.0.1:1/x' },
    'DATABASE_URL has a port that is not a number',
  ],
  [
    'DATABASE_CA_FILE',
    'postgres://x@127.0.0.1:1/x?sslmode=verify-full',
    { DATABASE_CA_FILE: '/nowhere/ca.pem' },
    'DATABASE_CA_FILE names the file /nowhere/ca.pem, which cannot be read (ENOENT).',
  ],
  [
    'APP_COLOR',
    'postgres://x@127.0.0.1:1/x',
    { APP_COLOR: 'pink' },
    'APP_COLOR must be one of grey, red, orange, yellow, green, blue, purple.',
  ],
] as const) {
  test(`an invalid ${name} aborts startup`, { tag: '@any-path' }, async () => {
    await expect(startConsole({ databaseUrl, env })).rejects.toThrow(
      `The console ended at once: ${message}`,
    );
  });
}

test(
  'resolves relative files against the working directory',
  { tag: '@any-path' },
  async ({ page, basePath }, testInfo) => {
    const rules = testInfo.outputPath('rules.json');
    await writeFile(rules, JSON.stringify({ TestJob: { hide: ['args.0'] } }));
    let id = '';
    const fileSite = await startSite('relative files', basePath, {
      env: { REDACT_FILE: path.relative(process.cwd(), rules) },
      seed: async (db) => {
        id = await insertJob(db, {
          serialized_params: JSON.stringify({ job_class: 'TestJob', arguments: ['4711'] }),
        });
      },
    });
    try {
      expect((await fileSite.open(page, `/jobs/${id}`)).status()).toBe(200);
      await expect(page.locator('main')).not.toContainText('4711');
    } finally {
      await fileSite.stop();
    }
  },
);

test('DEMO=1 opens only demo tables without a token', { tag: '@any-path' }, async () => {
  const status = async (server: ConsoleServer) => (await fetch(`${server.origin}/api/jobs`)).status;
  const real = await startConsole({ databaseUrl: site.databaseUrl, env: { DEMO: '1' } });
  try {
    expect(await status(real)).toBe(401);
    expect(real.output()).toContain('The link to open it is in the file');
  } finally {
    await real.stop();
  }
  const demo = await startSite('demo tables', '', {
    env: { DEMO: '1' },
    seed: async (db) => {
      for (const table of TABLES)
        await db.query(`COMMENT ON TABLE ${table} IS '${DEMO_COMMENT}, seeded at 2026-11-20'`);
    },
  });
  try {
    expect(await status(demo.server)).toBe(200);
    expect(demo.server.output()).not.toContain('The link to open it');
  } finally {
    await demo.stop();
  }
});
