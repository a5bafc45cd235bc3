import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { TestConsole } from '../../test/harness/test-console';

/* These tests run without the console's own schema, so that detection repeats after two seconds. */

let testConsole: TestConsole;
let detection: typeof import('./detection');
beforeAll(async () => {
  testConsole = await TestConsole.open('detection', { consoleSchema: false });
  vi.stubEnv('DATABASE_URL', testConsole.url);
  vi.useFakeTimers({ toFake: ['Date'] });
  detection = await import('./detection');
});
afterAll(async () => {
  vi.useRealTimers();
  await detection.database().close();
  await testConsole.close();
});

it('returns the same detection object if a new detection has the same result', async () => {
  const first = await detection.loadDetection();
  expect(first.consoleSchema).toBe(false);
  vi.setSystemTime(Date.now() + 2_001);
  expect(await detection.loadDetection()).toBe(first);
});

it('returns a schema with another identity after a migration', async () => {
  const first = await detection.loadDetection();
  await testConsole.client.query('DROP INDEX index_good_jobs_on_discarded');
  vi.setSystemTime(Date.now() + 2_001);
  const second = await detection.loadDetection();
  expect(second).not.toBe(first);
  expect(second.schema.identity).not.toBe(first.schema.identity);
  expect(second.schema.missingMigrations).toHaveLength(1);
});

it('returns different schema identities for two databases with the same tables', async () => {
  const other = await TestConsole.open('detection, another', { consoleSchema: false });
  try {
    const { schema } = testConsole.ctx().tables;
    const otherSchema = other.ctx().tables.schema;
    expect({ ...otherSchema, identity: schema.identity }).toEqual(schema);
    expect(otherSchema.identity).not.toBe(schema.identity);
  } finally {
    await other.close();
  }
});
