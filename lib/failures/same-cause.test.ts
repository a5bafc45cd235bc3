import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import { DISCARDED, SUCCEEDED, insertExecution, insertJob } from '@/test/harness/rows';
import { TestConsole } from '@/test/harness/test-console';
import { parseFailureFilter } from './filters';
import { countSameCause, listFailures } from './queries';

let testConsole: TestConsole;
beforeAll(async () => void (testConsole = await TestConsole.open('same_cause')));
afterAll(() => testConsole.close());
beforeEach(() => testConsole.client.query('TRUNCATE good_jobs, good_job_executions'));

const daysAgo = (n: number) => new Date(Date.now() - n * 86_400_000).toISOString();
const inAnHour = () => new Date(Date.now() + 3_600_000).toISOString();

async function insertFailure(error: string, frame: string | null, columns = {}): Promise<string> {
  const id = await insertJob(testConsole.client, { ...DISCARDED, error, ...columns });
  await insertExecution(testConsole.client, id, {
    finished_at: new Date().toISOString(),
    error,
    error_backtrace: frame === null ? null : ['/usr/lib/ruby/gems/x.rb:1', frame],
  });
  return id;
}

it('counts the failures of the same class, error and frame as /cleaner does', async () => {
  const frame = '/app/models/invoice.rb:7';
  const id = await insertFailure('Timeout: invoice 1', frame);
  await insertFailure('Timeout: invoice 22', frame);
  await insertFailure('Timeout: invoice 3', frame, {
    finished_at: null,
    performed_at: null,
    scheduled_at: inAnHour(),
  });
  await insertFailure('Timeout: invoice 4', '/app/models/order.rb:9');
  await insertFailure('Timeout: invoice 5', frame, { job_class: 'OtherJob' });
  const sameCause = await countSameCause(testConsole.ctx(), id);
  expect(sameCause).toMatchObject({ range: '24_hours_ago', count: 3, isPartial: false });
  const { groups } = await listFailures(
    testConsole.ctx(),
    parseFailureFilter(new URLSearchParams({ group: sameCause?.fingerprint ?? '' })),
  );
  const group = groups.find(({ fingerprint }) => fingerprint === sameCause?.fingerprint);
  expect(group?.counts[2]).toBe(3);
});

it('uses the shortest range that includes the failure, up to 7 days', async () => {
  const rangeOf = async (at: string) => {
    const id = await insertFailure('Timeout: old', null, { finished_at: at });
    return (await countSameCause(testConsole.ctx(), id))?.range;
  };
  expect(await rangeOf(daysAgo(2))).toBe('3_days_ago');
  expect(await rangeOf(daysAgo(5))).toBe('7_days_ago');
  expect(await rangeOf(daysAgo(8))).toBeUndefined();
  expect(await rangeOf('-infinity')).toBeUndefined();
});

it('returns null for a job that did not fail or is queued again', async () => {
  const succeeded = await insertJob(testConsole.client, SUCCEEDED);
  const queued = await insertJob(testConsole.client, { error: 'Timeout: before the retry' });
  for (const id of [succeeded, queued])
    expect(await countSameCause(testConsole.ctx(), id)).toBeNull();
});
