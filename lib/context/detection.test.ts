import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { TestConsole } from '../../test/harness/test-console';

/* Without `npm run setup` the server detects again every two seconds. */

let console_: TestConsole;
let ctx: typeof import('./detection');
beforeAll(async () => {
  console_ = await TestConsole.open('detection', { consoleSchema: false });
  vi.stubEnv('DATABASE_URL', console_.url);
  vi.useFakeTimers({ toFake: ['Date'] });
  ctx = await import('./detection');
});
afterAll(async () => {
  vi.useRealTimers();
  await ctx.database().close();
  await console_.close();
});

it('keeps the same object when a detection finds the same', async () => {
  const first = await ctx.detected();
  expect(first.consoleSchema).toBe(false);
  vi.setSystemTime(Date.now() + 2_001);
  expect(await ctx.detected()).toBe(first);
});

it('returns a new object of another identity after a migration', async () => {
  const first = await ctx.detected();
  await console_.client.query('DROP INDEX index_good_jobs_on_discarded');
  vi.setSystemTime(Date.now() + 2_001);
  const second = await ctx.detected();
  expect(second).not.toBe(first);
  expect(second.schema.identity).not.toBe(first.schema.identity);
  expect(second.schema.missingMigrations).toHaveLength(1);
});

it('gives two databases with the same tables different identities', async () => {
  const other = await TestConsole.open('detection, another', { consoleSchema: false });
  try {
    const [one, two] = [console_.ctx().tables.schema, other.ctx().tables.schema];
    expect({ ...two, identity: one.identity }).toEqual(one);
    expect(two.identity).not.toBe(one.identity);
  } finally {
    await other.close();
  }
});
