import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { DISCARDED, insertJob } from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import { maxAgeMs } from '../context/request-context';
import { freshBadges, lastBadges } from './counts';

let console_: TestConsole;
beforeAll(async () => {
  vi.stubEnv('DATABASE_URL', 'postgres://localhost/unused');
  console_ = await TestConsole.open('badges');
});
afterAll(() => console_.close());

it('has the numbers of now after an action, and sends them to the next viewer', async () => {
  const discarded = (count: number) => ({ counts: { discarded: { kind: 'exact', count } } });
  await insertJob(console_.client, { ...DISCARDED, batch_callback_id: crypto.randomUUID() });
  const ctx = console_.ctx({ maxAgeMs: 0 });
  expect(await freshBadges(ctx)).toMatchObject({
    ...discarded(1),
    attention: { severity: 'warning' },
  });
  await console_.client.query('DELETE FROM good_jobs');
  expect(await lastBadges(console_.ctx())).toMatchObject(discarded(1));
  const fresh = await freshBadges(ctx);
  expect(fresh).toMatchObject(discarded(0));
  expect(await lastBadges(console_.ctx())).toEqual(fresh);
});

it('reads how old a number may be from Cache-Control', () => {
  expect(
    [null, 'no-store', 'max-age=0', 'max-age=7', 'no-cache, max-age=3', 'max-age=x'].map(maxAgeMs),
  ).toEqual([Infinity, Infinity, 0, 7_000, 3_000, Infinity]);
});
