import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest';
import { DISCARDED, insertJob } from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import { withResponseState } from '../core/process-state';
import { Redaction } from '../redaction/redaction';
import { countTabs } from './counts';
import { parseJobFilter } from './filters';
import { listJobs } from './list';

const filter = parseJobFilter(new URLSearchParams({ q: 'needle' }));
let testConsole: TestConsole;
beforeAll(async () => {
  testConsole = await TestConsole.open('jobs_shared_recheck');
});
afterAll(() => testConsole.close());
afterEach(() => vi.restoreAllMocks());

const insert = (note: string) =>
  insertJob(testConsole.client, {
    ...DISCARDED,
    serialized_params: JSON.stringify({ job_class: 'TestJob', arguments: [{ note }] }),
  });

it('redacts a row once for the list and the count of one request', async () => {
  for (let n = 0; n < 5; n += 1) await insert(`needle ${n}`);
  const redactJson = vi.spyOn(Redaction.prototype, 'redactJsonInSteps');
  const ctx = testConsole.ctx();
  await listJobs(ctx, filter);
  await countTabs(ctx, { ...filter, limit: 24 });
  const separately = redactJson.mock.calls.length;
  redactJson.mockClear();
  await withResponseState({}, async () => {
    await listJobs(ctx, { ...filter, limit: 23 });
    await countTabs({ ...ctx, maxAgeMs: 0 }, filter);
  });
  expect(redactJson.mock.calls.length).toBeGreaterThan(0);
  expect(redactJson.mock.calls.length).toBeLessThan(separately);
});

it('caches at most 3,000,000 characters however many lists one request reads', async () => {
  for (let n = 0; n < 12; n += 1) await insert(`needle ${n} ${'x'.repeat(60_000)}`);
  const response: Parameters<typeof withResponseState>[0] = {};
  await withResponseState(response, async () => {
    for (let round = 0; round < 20; round += 1) {
      // Other texts of the same length, as the next rows of an export.
      await testConsole.client.query(`UPDATE good_jobs SET error = $1 WHERE error IS NOT NULL`, [
        `Error: round ${round}`,
      ]);
      await listJobs(testConsole.ctx(), filter);
    }
  });
  const shared = response.shared?.get('rechecked rows') as { chars: number } | undefined;
  expect(shared?.chars).toBeGreaterThan(0);
  expect(shared?.chars).toBeLessThanOrEqual(3_000_000);
});
