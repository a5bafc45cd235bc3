import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { UNFINISHED, insertJobs } from '../../test/harness/many-rows';
import { TestConsole } from '../../test/harness/test-console';
import type { Ctx } from '../context/request-context';
import { JOB_STATES, type JobState } from '../good-job/types';
import { COUNT_LIMITS, type CountLimits } from './count-rules';
import { countTabs, readCounts } from './counts';
import { parseJobFilter } from './filters';
import type { Count, JobCounts } from './types';

/* Compares every count with independent SQL that shares nothing with the code under test. */

const READY = 'coalesce(scheduled_at, created_at)';
const STATE = `CASE
  WHEN finished_at IS NOT NULL AND error IS NULL THEN 'succeeded'
  WHEN finished_at IS NOT NULL THEN 'discarded'
  WHEN performed_at IS NOT NULL THEN 'running'
  WHEN ${READY} <= now() THEN 'queued'
  WHEN error IS NULL THEN 'scheduled'
  ELSE 'retried' END`;

const like = (words: string) => `(
  job_class ILIKE '%${words}%'
  OR error ILIKE '%${words}%'
  OR array_to_string(labels, ' ') ILIKE '%${words}%'
  OR (serialized_params -> 'arguments')::text ILIKE '%${words}%')`;

/** Query parameters and the equivalent SQL. */
const FILTERS: readonly [string, string][] = [
  ['', 'true'],
  ['', 'true'],
  ['job_class=Mail', `job_class = 'Mail'`],
  ['job_class=Absent', 'false'],
  ['queue_name=low', `queue_name = 'low'`],
  ['label=bulk', `'bulk' = ANY(labels)`],
  ['q=-class:Mail', `job_class IS DISTINCT FROM 'Mail'`],
  ['q=class:Ma*', `job_class LIKE 'Ma%'`],
  ['q=state:succeeded,discarded', 'finished_at IS NOT NULL'],
  ['q=-state:succeeded', `(${STATE}) <> 'succeeded'`],
  ['q=state:queued,scheduled,retried', 'finished_at IS NULL AND performed_at IS NULL'],
  ['q=priority:>=5', 'priority >= 5'],
  ['q=-queue:low', `queue_name IS DISTINCT FROM 'low'`],
  ['q=error:boom', `error ILIKE '%boom%'`],
  ['q=-error:boom', `(error ILIKE '%boom%') IS NOT TRUE`],
  ['q=wanted', `coalesce(${like('wanted')}, false)`],
  ['q=-wanted', `(${like('wanted')}) IS NOT TRUE`],
  ['q=args.0:wanted', `serialized_params -> 'arguments' ->> 0 = 'wanted'`],
  ['q=finished:<30m', `finished_at < now() - interval '30 minutes'`],
  ['q=created:>2h', `created_at > now() - interval '2 hours'`],
  ['job_class=Mail&q=-wanted', `job_class = 'Mail' AND (${like('wanted')}) IS NOT TRUE`],
  ['queue_name=low&q=error:boom', `queue_name = 'low' AND error ILIKE '%boom%'`],
];

/** Columns of a job in each state; `unset` has no `scheduled_at`. */
const SHAPES: Record<JobState | 'unset', Record<string, string>> = {
  scheduled: { ...UNFINISHED, scheduled_at: `now() + interval '1 day'` },
  retried: { ...UNFINISHED, scheduled_at: `now() + interval '1 day'`, error: `'boom'` },
  queued: UNFINISHED,
  unset: { ...UNFINISHED, scheduled_at: 'NULL' },
  running: { ...UNFINISHED, performed_at: 'now()' },
  succeeded: { error: 'NULL', error_event: 'NULL' },
  discarded: { error: `CASE WHEN n % 3 = 0 THEN '' ELSE 'E: boom' END` },
};

let console_: TestConsole;
beforeAll(async () => {
  console_ = await TestConsole.open('job_counts');
});
afterAll(() => console_.close());

async function fill(sizes: Partial<Record<JobState | 'unset', number>>): Promise<void> {
  await console_.client.query('TRUNCATE good_jobs');
  for (const [shape, size] of Object.entries(sizes))
    await insertJobs(console_.client, size, {
      job_class: `CASE n % 4 WHEN 0 THEN 'Mail' WHEN 1 THEN 'Main' WHEN 2 THEN 'Report' END`,
      queue_name: `CASE n % 3 WHEN 0 THEN 'low' ELSE 'default' END`,
      priority: 'n % 7',
      labels: `CASE n % 5 WHEN 0 THEN ARRAY['bulk'] WHEN 1 THEN ARRAY['wanted one'] END`,
      ...SHAPES[shape as JobState | 'unset'],
    });
  await console_.client.query(
    `UPDATE good_jobs
        SET serialized_params = CASE priority % 3
              WHEN 0 THEN '{"arguments": ["wanted"]}'::jsonb
              WHEN 1 THEN '{"arguments": ["other"]}'::jsonb END`,
  );
}

async function plainCounts(condition: string): Promise<Record<JobState, number>> {
  const { rows } = await console_.client.query<{ state: JobState; count: number }>(
    `SELECT ${STATE} AS state, count(*)::int FROM good_jobs WHERE ${condition} GROUP BY 1`,
  );
  return Object.fromEntries(
    JOB_STATES.map((state) => [state, rows.find((row) => row.state === state)?.count ?? 0]),
  ) as Record<JobState, number>;
}

/**
 * Returns an error message for a wrong count, or null. Estimates are checked only with fresh
 * statistics.
 */
function fault(count: Count, truth: number, tolerance: number | null): string | null {
  const says = JSON.stringify(count);
  switch (count.kind) {
    case 'exact':
      return count.count === truth ? null : `${says} for ${truth}`;
    case 'at_least':
      return count.count > 0 && count.count <= truth ? null : `${says} for ${truth}`;
    case 'estimate':
      return tolerance === null || Math.abs(count.count - truth) <= tolerance * truth
        ? null
        : `${says} for ${truth}`;
    case 'unknown':
      return null;
  }
}

function faults(
  counts: JobCounts,
  truth: Record<JobState, number>,
  listed: JobState | null,
  tolerance: number | null,
): string[] {
  const all = JOB_STATES.reduce((sum, state) => sum + truth[state], 0);
  const named: [string, Count, number][] = [
    ...JOB_STATES.map((state): [string, Count, number] => [
      state,
      counts.tabs[state],
      truth[state],
    ]),
    ['all', counts.all, all],
    ['list', counts.list, listed ? truth[listed] : all],
  ];
  return named.flatMap(([name, count, expected]) => {
    const wrong = fault(count, expected, tolerance);
    return wrong ? [`${name}: ${wrong}`] : [];
  });
}

const SMALL: CountLimits = {
  atLeast: 20,
  scan: 40,
  filteredScan: 15,
  textScan: 10,
  recheckScan: 6,
};

const sizes = fc.record({
  scheduled: fc.constantFrom(0, 3, 60),
  retried: fc.constantFrom(0, 3, 60),
  queued: fc.constantFrom(0, 5, 60),
  unset: fc.constantFrom(0, 0, 4, 60),
  running: fc.constantFrom(0, 2, 60),
  succeeded: fc.constantFrom(0, 0, 1, 30, 70),
  discarded: fc.constantFrom(0, 0, 1, 30, 70),
});

async function checkRandomTables(ctx: Ctx, numRuns: number, seed: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(
      sizes,
      fc.subarray([...FILTERS], { minLength: 6, maxLength: 8 }),
      fc.constantFrom(null, ...JOB_STATES),
      fc.constantFrom('never', 'before', 'after'),
      async (filled, filters, state, analyzed) => {
        if (analyzed === 'before') await console_.client.query('ANALYZE good_jobs');
        await fill(filled);
        if (analyzed === 'after') await console_.client.query('ANALYZE good_jobs');
        for (const [query, condition] of filters) {
          const filter = parseJobFilter(new URLSearchParams(query));
          const counts = await readCounts(ctx, { ...filter, state }, SMALL);
          const tolerance = analyzed === 'after' && query === '' ? 0.1 : null;
          const wrong = faults(counts, await plainCounts(condition), state, tolerance);
          expect([query, wrong]).toEqual([query, []]);
        }
      },
    ),
    { numRuns, seed },
  );
}

describe('counts of a table larger than the scan limit', () => {
  it('counts are exact or a lower bound of the true count', async () => {
    await checkRandomTables(console_.ctx(), 40, 11);
  }, 120_000);
  it('does not estimate succeeded jobs when almost all finished jobs are discarded', async () => {
    await fill({ succeeded: 3, discarded: 45_000, queued: 2 });
    const filter = parseJobFilter(new URLSearchParams());
    for (const analyzed of [false, true]) {
      if (analyzed) await console_.client.query('VACUUM ANALYZE good_jobs');
      const counts = await readCounts(console_.ctx(), filter, COUNT_LIMITS);
      expect(faults(counts, await plainCounts('true'), null, analyzed ? 0.1 : null)).toEqual([]);
      expect(counts.tabs.succeeded.kind).not.toBe('estimate');
      expect(counts.tabs.queued).toEqual({ kind: 'exact', count: 2 });
    }
  }, 60_000);
  it('caches counts for all viewers except one who has just changed a job', async () => {
    await fill({ queued: 2 });
    const filter = parseJobFilter(new URLSearchParams('state=queued&job_class=Fresh'));
    const list = async (maxAgeMs?: number) =>
      (await countTabs(console_.ctx({ maxAgeMs }), filter)).list;
    expect(await list()).toEqual({ kind: 'exact', count: 0 });
    await console_.client.query(`UPDATE good_jobs SET job_class = 'Fresh'`);
    expect(await list()).toEqual({ kind: 'exact', count: 0 });
    expect(await list(0)).toEqual({ kind: 'exact', count: 2 });
    expect(await list()).toEqual({ kind: 'exact', count: 2 });
  });
  // This test runs last, because it drops indexes.
  it('counts are the same without the indexes of GoodJob 4.18', async () => {
    const older = await console_.dropIndexes([
      'queue_name',
      'created_at',
      'discarded',
      'scheduled_at_and_queue_name',
      'unfinished_or_errored',
      'job_class',
    ]);
    await checkRandomTables(older, 25, 12);
  }, 120_000);
});
