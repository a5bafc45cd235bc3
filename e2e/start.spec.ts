import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { insertJob } from '../test/harness/rows';
import { startConsole } from './support/console-server';
import { startSite } from './support/site';
import { expect, test } from './support/test';

/* What the configuration says is settled when the server starts: a sentence and the end, or it holds. */

for (const [name, databaseUrl, env, said] of [
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
] as const) {
  test(`${name} that cannot be used ends it`, { tag: '@any-path' }, async () => {
    await expect(startConsole({ databaseUrl, env })).rejects.toThrow(
      `The console ended at once: ${said}`,
    );
  });
}

test(
  'files are found from where it is started',
  { tag: '@any-path' },
  async ({ page, basePath }, testInfo) => {
    const rules = testInfo.outputPath('rules.json');
    await writeFile(rules, JSON.stringify({ TestJob: { hide: ['args.0'] } }));
    let id = '';
    const site = await startSite('relative files', basePath, {
      env: { REDACT_FILE: path.relative(process.cwd(), rules) },
      seed: async (db) =>
        void (id = await insertJob(db, {
          serialized_params: JSON.stringify({ job_class: 'TestJob', arguments: ['4711'] }),
        })),
    });
    try {
      expect((await site.open(page, `/jobs/${id}`)).status()).toBe(200);
      await expect(page.locator('main')).not.toContainText('4711');
    } finally {
      await site.stop();
    }
  },
);
