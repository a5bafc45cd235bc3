import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { countHref, groupQuery } from '../../components/failures/failure-links';
import { DISCARDED, insertExecution, insertJob } from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import { previewBulk, targetJobs } from '../bulk/preview';
import { isLibraryFrame } from '../good-job/payload';
import { parseJobFilter } from '../jobs/filters';
import { listJobs } from '../jobs/list';
import { failureRedactor } from '../redaction/redaction';
import { countDiscarded } from './failed-jobs';
import {
  FAILURE_RANGES,
  GROUPS_PER_PAGE,
  type FailurePage,
  RANGE_NAMES,
  failureParams,
  parseFailureFilter,
} from './filters';
import { FailureReader } from './groups';
import { listFailures } from './queries';

let testConsole: TestConsole;

interface Planted {
  id: string;
  jobClass: string | null;
  error: string;
  frame: string | null;
  state: 'discarded' | 'retried';
  ageS: number;
}
const planted: Planted[] = [];

/** A seeded random number generator. */
let seed = 7;
const random = (n: number) => {
  seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
  return Math.floor((seed / 2_147_483_648) * n);
};
const filter = (query: string) => parseFailureFilter(new URLSearchParams(query));
const ago = (seconds: number) => new Date(Date.now() - seconds * 1000).toISOString();

const CLASSES = ['Billing::SyncJob', 'Imports::RowJob', 'A', null];
const ERRORS = [
  (n: number) => `Net::ReadTimeout: no answer from https://example.com/${n} in ${n} s`,
  (n: number) => `KeyError: key not found: "k${n}"`,
  () => 'RuntimeError: boom',
  (n: number) => `Weird error without a class ${n}`,
];
const BACKTRACES: (string[] | null)[] = [
  [
    "/usr/local/bundle/gems/activejob-7.2.2/lib/x.rb:1:in `y'",
    "/app/app/jobs/sync_job.rb:10:in `perform'",
    "/app/app/models/a.rb:3:in `b'",
  ],
  ["/app/app/jobs/sync_job.rb:99:in `perform'"],
  ["/app/app/models/other.rb:3:in `load'"],
  ["/usr/local/bundle/gems/activejob-7.2.2/lib/x.rb:1:in `y'", "<internal:kernel>:187:in `loop'"],
  null,
];

beforeAll(async () => {
  testConsole = await TestConsole.open('failures');
  const { client } = testConsole;
  for (let n = 0; n < 300; n += 1) {
    const jobClass = CLASSES[random(4)] ?? null;
    const backtrace = BACKTRACES[random(5)] ?? null;
    const discarded = random(4) > 0;
    const error = ERRORS[random(4)]?.(n) ?? '';
    // Never close to the edge of a range.
    const ageS =
      [600, 5_000, 40_000, 200_000, 500_000, 1_000_000, 2_000_000][random(7)]! + random(900);
    const at = ago(ageS);
    const id = await insertJob(client, {
      job_class: jobClass,
      error,
      error_event: 1,
      executions_count: 2,
      created_at: at,
      updated_at: at,
      scheduled_at: discarded ? at : ago(-3_600 - n),
      ...(discarded ? { performed_at: at, finished_at: at } : {}),
    });
    const executed = random(5) > 0;
    if (executed) {
      await insertExecution(client, id, {
        job_class: jobClass,
        created_at: ago(ageS + 90),
        finished_at: ago(ageS + 80),
        error: 'Old::Error: x',
        error_backtrace: ["/app/app/old.rb:1:in `old'"],
      });
      await insertExecution(client, id, {
        job_class: jobClass,
        created_at: ago(ageS + 10),
        finished_at: at,
        error,
        error_backtrace: backtrace,
      });
    }
    planted.push({
      id,
      jobClass,
      error,
      frame: executed ? (backtrace?.find((frame) => !isLibraryFrame(frame)) ?? null) : null,
      state: discarded ? 'discarded' : 'retried',
      ageS,
    });
  }
  // None of these jobs counts as a failure.
  for (const columns of [
    { error: 'RuntimeError: boom' },
    { performed_at: ago(5), error: 'RuntimeError: boom' },
    { performed_at: ago(50), finished_at: ago(40) },
    { scheduled_at: ago(-60) },
  ])
    await insertJob(client, columns);
});
afterAll(() => testConsole.close());

/** The expected groups, computed in JavaScript from all planted failures. */
function oracle(range: keyof typeof FAILURE_RANGES): Map<string, Planted[]> {
  const reader = new FailureReader({ redact: (text) => text, sign: failureRedactor.sign });
  const groups = new Map<string, Planted[]>();
  for (const failure of planted) {
    const { fingerprint } = reader.read(failure);
    groups.set(fingerprint, [...(groups.get(fingerprint) ?? []), failure]);
  }
  for (const [key, failures] of groups)
    if (!failures.some(({ ageS }) => ageS <= FAILURE_RANGES[range])) groups.delete(key);
  return groups;
}

describe('listFailures', () => {
  it.each(RANGE_NAMES)('groups failures by fingerprint: %s', async (range) => {
    const groups = oracle(range);
    const read = (number: number) =>
      listFailures(
        testConsole.ctx(),
        filter(`finished_since=${range}&deep=1${number > 1 ? `&page=${number}` : ''}`),
      );
    const page = await read(1);
    for (let number = 2; number <= Math.ceil(groups.size / GROUPS_PER_PAGE); number += 1)
      page.groups.push(...(await read(number)).groups);
    const lookback = Math.max(604_800, 2 * FAILURE_RANGES[range]);
    expect(page).toMatchObject({
      isPartial: false,
      groupCount: groups.size,
      number: 1,
      until: null,
      scanned: planted.filter(({ ageS }) => ageS <= lookback).length,
      countInRange: planted.filter(({ ageS }) => ageS <= FAILURE_RANGES[range]).length,
    });
    expect(page.groups.map(({ fingerprint }) => fingerprint).sort()).toEqual(
      [...groups.keys()].sort(),
    );
    for (const group of page.groups) {
      const failures = (groups.get(group.fingerprint) ?? []).filter(({ ageS }) => ageS <= lookback);
      const within = (from: number, to: number) =>
        failures.filter(({ ageS }) => ageS > from && ageS <= to).length;
      const seconds = FAILURE_RANGES[range];
      expect(group.counts).toEqual(RANGE_NAMES.map((name) => within(0, FAILURE_RANGES[name])));
      expect(group).toMatchObject({
        jobClass: failures[0]?.jobClass,
        previousCount: within(seconds, 2 * seconds),
        discarded: failures.filter(({ state, ageS }) => state === 'discarded' && ageS <= seconds)
          .length,
        retried: failures.filter(({ state, ageS }) => state === 'retried' && ageS <= seconds)
          .length,
      });
      expect(group.spark.reduce((a, b) => a + b, 0)).toBe(within(0, seconds));
      const newest = [...failures].sort((a, b) => a.ageS - b.ageS);
      expect(group.samples.map(({ id }) => id)).toEqual(newest.slice(0, 5).map(({ id }) => id));
      expect(
        Math.abs(Date.parse(group.lastSeen) - Date.now() + (newest[0]?.ageS ?? 0) * 1000),
      ).toBeLessThan(60_000);
      expect(
        Math.abs(Date.parse(group.firstSeen) - Date.now() + (newest.at(-1)?.ageS ?? 0) * 1000),
      ).toBeLessThan(60_000);
    }
  });

  it('filters failure groups by class', async () => {
    const page = await listFailures(
      testConsole.ctx(),
      filter('job_class=A&finished_since=7_days_ago&deep=1'),
    );
    expect(page.groups.every(({ jobClass }) => jobClass === 'A')).toBe(true);
    expect(page.scanned).toBe(
      planted.filter(({ jobClass, ageS }) => jobClass === 'A' && ageS <= 1_209_600).length,
    );
    expect((await listFailures(testConsole.ctx(), filter('job_class=NoSuchJob'))).groups).toEqual(
      [],
    );
  });

  it('reports how far the failures were scanned when the time budget is used up', async () => {
    const { client } = testConsole;
    await client.query(`INSERT INTO good_jobs (id, active_job_id, serialized_params, job_class,
      error, created_at, updated_at, performed_at, finished_at)
      SELECT u, u, '{}', 'Many', 'Many: ' || n, at, at, at, at
        FROM (SELECT gen_random_uuid() u, n,
                     now() - interval '100 s' - n * interval '10 ms' AS at
                FROM generate_series(1, 3000) n) r`);
    const page = await listFailures(testConsole.ctx(), filter(''), 0);
    await client.query(`DELETE FROM good_jobs WHERE job_class = 'Many'`);
    expect(page.isPartial).toBe(true);
    expect(page.scanned).toBeGreaterThanOrEqual(500);
    expect(page.scanned).toBeLessThan(3_000);
    const many = page.groups.find(({ jobClass }) => jobClass === 'Many');
    expect(many?.previousCount).toBeNull();
    expect(Date.parse(page.since)).toBeLessThanOrEqual(Date.parse(many?.firstSeen ?? ''));
  });
});

describe('the jobs of a group', () => {
  const jobsOf = async (query: string) => {
    const ids: string[] = [];
    const jobFilter = parseJobFilter(new URLSearchParams(`${query}&limit=100`));
    for (let cursor = jobFilter.cursor; ;) {
      const page = await listJobs(testConsole.ctx(), { ...jobFilter, cursor });
      ids.push(...page.rows.map(({ id }) => id));
      if (!page.next) return ids.sort();
      cursor = page.next;
    }
  };
  const deep = (query = ''): Promise<FailurePage> =>
    listFailures(testConsole.ctx(), filter(`finished_since=7_days_ago&deep=1${query}`));

  it('the link of a group lists exactly the jobs that a bulk action on it changes', async () => {
    const page = await deep();
    const groups = oracle('7_days_ago');
    for (const group of page.groups.slice(0, 12)) {
      const expected = (groups.get(group.fingerprint) ?? []).filter(
        ({ ageS }) => ageS <= 1_209_600,
      );
      const query = groupQuery(group, page);
      expect(await jobsOf(query)).toEqual(expected.map(({ id }) => id).sort());
      const recent = groupQuery(group, page, ago(86_400));
      expect(await jobsOf(recent)).toEqual(
        expected
          .filter(({ ageS }) => ageS <= 86_400)
          .map(({ id }) => id)
          .sort(),
      );
      for (const [action, state] of [
        ['retry', 'discarded'],
        ['discard', 'retried'],
      ] as const) {
        const preview = await previewBulk(testConsole.ctx(), action, {
          kind: 'filter',
          query,
          batchId: null,
        });
        expect(preview.total).toEqual({
          kind: 'exact',
          count: expected.filter((failure) => failure.state === state).length,
        });
        // The filter that the run is started with selects the same jobs.
        const ctx = testConsole.ctx();
        const { sql: condition } = await ctx.db.read((tx) =>
          targetJobs(tx, ctx.tables, preview.target),
        );
        const { rows } = await testConsole.client.query<{ id: string }>(
          `SELECT j.id FROM good_jobs j WHERE ${condition.text}`,
          condition.values,
        );
        expect(rows.map(({ id }) => id).sort()).toEqual(expected.map(({ id }) => id).sort());
      }
    }
  });

  it('an unknown group and an invalid group term match no job', async () => {
    expect(
      await jobsOf(`q=${encodeURIComponent('failure:0123456789abcdef@2026-01-01T00:00:00Z')}`),
    ).toEqual([]);
    for (const bad of [
      'failure:0123456789abcdef',
      'failure:xyz@2026-01-01T00:00:00Z',
      '-failure:0123456789abcdef@2026-01-01T00:00:00Z',
      'failure:0123456789abcdef@yesterday',
      'failure:',
    ])
      expect(parseJobFilter(new URLSearchParams({ q: bad })).terms[0]?.kind, bad).not.toBe(
        'failure',
      );
    expect(
      await jobsOf(`q=${encodeURIComponent('-failure:0123456789abcdef@2026-01-01T00:00:00Z')}`),
    ).toEqual([]);
  });
});

describe('countDiscarded', () => {
  it.each(['class', 'exception'] as const)(
    'counts discarded jobs as GoodJob does, by %s',
    async (by) => {
      const name = by === 'class' ? 'job_class' : `split_part(error, ': ', 1)`;
      const rangeCounts = RANGE_NAMES.map((range) => {
        const since = `now() - interval '${FAILURE_RANGES[range]} s'`;
        return `count(*) FILTER (WHERE finished_at > ${since})`;
      });
      const { rows } = await testConsole.client.query<{ name: string | null; counts: number[] }>(`
      SELECT ${name} AS name, ARRAY[count(*), ${rangeCounts.join()}]::int[] AS counts
        FROM good_jobs
       WHERE finished_at IS NOT NULL AND error IS NOT NULL
       GROUP BY 1
       ORDER BY 1`);
      const counted = await countDiscarded(testConsole.ctx(), filter(`by=${by}`));
      expect(
        counted.rows.map((row) => ({ name: row.name, counts: [row.all, ...row.counts] })),
      ).toEqual(rows);
      expect(counted.total.all).toBe(planted.filter(({ state }) => state === 'discarded').length);
      expect(counted.since).toBeNull();
      const some = await countDiscarded(testConsole.ctx(), filter(`by=${by}`), 50);
      expect(some.total.all).toBe(51);
      expect(some.since).not.toBeNull();
    },
  );
});

describe('the links of the counts by exception', () => {
  it('links a count by exception to exactly its jobs, or omits the link', async () => {
    const { client } = testConsole;
    const planted = [
      'Links::Error',
      'Links::Error: x',
      'E: after Links::Error: y',
      'Links::ErrorOf: z',
      'links::error: w',
      'no: Links::Error',
      `${'L'.repeat(400)}: x`,
    ];
    for (const error of planted)
      await insertJob(client, { ...DISCARDED, job_class: 'OfLinks', error });
    const { rows } = await countDiscarded(
      testConsole.ctx(),
      filter('by=exception&job_class=OfLinks'),
    );
    for (const row of rows) {
      const href = countHref('exception', row, null, false, 'OfLinks');
      if (row.name?.startsWith('LLL')) expect(href).toBeNull();
      else
        expect(
          (
            await listJobs(
              testConsole.ctx(),
              parseJobFilter(new URLSearchParams(href?.replace('/jobs?', ''))),
            )
          ).rows.length,
          String(row.name),
        ).toBe(row.all);
    }
    expect(rows.find(({ name }) => name === 'Links::Error')?.all).toBe(2);
    await client.query(`DELETE FROM good_jobs WHERE job_class = 'OfLinks'`);
  });
});

it('parses the filter of /cleaner and reports invalid values', () => {
  const full = filter(
    'by=class&finished_since=3_days_ago&job_class=A%3A%3AB&deep=1&group=0123456789abcdef',
  );
  expect(full).toMatchObject({
    by: 'class',
    range: '3_days_ago',
    jobClass: 'A::B',
    deep: true,
    group: '0123456789abcdef',
    notUnderstood: [],
  });
  expect(filter(String(new URLSearchParams(failureParams(full))))).toEqual(full);
  expect(
    filter('by=x&finished_since=1_year_ago&group=1&deep=yes').notUnderstood.map(({ name }) => name),
  ).toEqual(['by', 'finished_since', 'group', 'deep']);
});

it('groups failures without the indexes of GoodJob 4.18', async () => {
  const before = await listFailures(testConsole.ctx(), filter('deep=1'));
  const ctx = await testConsole.dropIndexes(['discarded', 'unfinished_or_errored', 'created_at']);
  const after = await listFailures(ctx, filter('deep=1'));
  expect(after.groups.map(({ fingerprint, counts }) => [fingerprint, counts]).sort()).toEqual(
    before.groups.map(({ fingerprint, counts }) => [fingerprint, counts]).sort(),
  );
});
