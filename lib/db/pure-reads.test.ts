import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { repeatReads } from '../../test/harness/count-statements';
import {
  DISCARDED,
  RUNNING,
  SUCCEEDED,
  insertBatch,
  insertJob,
  insertProcess,
} from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import { findAttention } from '../attention/queries';
import { listBatches } from '../batches/queries';
import { parseBatchFilter } from '../batches/types';
import { redactNames } from '../context/redact-names';
import type { Ctx } from '../context/request-context';
import { expireAfterWrite } from '../core/process-state';
import { listCronEntries } from '../cron/entries';
import { parseFailureFilter } from '../failures/filters';
import { listFailures } from '../failures/queries';
import { listBatchJobs } from '../jobs/batch-jobs';
import { parseJobFilter } from '../jobs/filters';
import { listJobs } from '../jobs/list';
import { countQueues } from '../metrics/metrics';
import { readNavigationCounts } from '../navigation/queries';
import { readActivity } from '../overview/activity';
import { getOverview } from '../overview/queries';
import { listPauses } from '../pauses/queries';
import { listProcesses, parseProcessFilter } from '../processes/queries';
import { parseQueueFilter } from '../queues/filters';
import { listQueues } from '../queues/queries';

/* A read retries its callback after a lost connection, so callbacks must not have side effects. */

let testConsole: TestConsole;
let batch: string;
beforeAll(async () => {
  vi.stubEnv('DATABASE_URL', 'postgres://localhost/unused');
  testConsole = await TestConsole.open('pure reads');
  const { client } = testConsole;
  const ago = (seconds: number) => new Date(Date.now() - seconds * 1000).toISOString();
  batch = await insertBatch(client, { enqueued_at: ago(4_000) });
  await insertProcess(client, { state: '{"schedulers": [{"queues": "a", "max_threads": 2}]}' });
  for (const queue_name of ['a', 'b', 'c'])
    for (const shape of [{}, RUNNING, SUCCEEDED, DISCARDED, { cron_key: 'nightly' }])
      await insertJob(client, { queue_name, scheduled_at: ago(3_600), ...shape });
  for (let n = 0; n < 6; n += 1) await insertJob(client, { ...DISCARDED, job_class: 'BrokenJob' });
  await insertJob(client, { ...SUCCEEDED, batch_id: batch });
});
afterAll(() => testConsole.close());

const none = new URLSearchParams();
const NOW_MS = Date.now();
const READS: Record<string, (ctx: Ctx) => Promise<unknown>> = {
  attention: (ctx) => findAttention(ctx),
  overview: async (ctx) => {
    const { activity: _activity, marks: _marks, ...timeless } = await getOverview(ctx, '1h');
    return timeless;
  },
  activity: (ctx) => readActivity(ctx, '1h', NOW_MS),
  queues: (ctx) => listQueues(ctx, parseQueueFilter(none)),
  metrics: (ctx) => countQueues(ctx),
  navigation: (ctx) => readNavigationCounts(ctx),
  processes: (ctx) => listProcesses(ctx, parseProcessFilter(none)),
  jobs: (ctx) => listJobs(ctx, parseJobFilter(none)),
  batches: (ctx) => listBatches(ctx, parseBatchFilter(none)),
  'jobs of a batch': (ctx) => listBatchJobs(ctx, batch, parseJobFilter(none)),
  cron: (ctx) => listCronEntries(ctx, null),
  pauses: (ctx) => listPauses(ctx),
  failures: (ctx) => listFailures(ctx, parseFailureFilter(none)),
  names: async (ctx) => {
    const redactName = await redactNames(ctx, 'queue_name', ['a', 'b', 'none']);
    return ['a', 'b', 'none'].map((name) => redactName(name));
  },
};

/** Removes times and rounds durations, which differ between two reads. */
const removeTimes = (result: unknown): unknown =>
  JSON.parse(
    JSON.stringify(result, (_, value: unknown) =>
      typeof value === 'number' && !Number.isInteger(value) ? Math.round(value / 60) : value,
    ).replaceAll(/\d{4}-\d\d-\d\dT(\d|:|\.|%3A)+Z/g, 'a time'),
  );

it.each(Object.keys(READS))('returns the same %s when every callback runs twice', async (name) => {
  const read = READS[name] as (ctx: Ctx) => Promise<unknown>;
  const expected = await read(testConsole.ctx());
  expireAfterWrite(testConsole.ctx().tables.schema.identity);
  const actual = await read(testConsole.ctx({ db: repeatReads(testConsole.db) }));
  expect(removeTimes(actual)).toEqual(removeTimes(expected));
});
