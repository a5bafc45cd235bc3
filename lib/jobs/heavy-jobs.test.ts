import { afterAll, beforeAll, expect, it } from 'vitest';
import { TestConsole } from '../../test/harness/test-console';
import { setRedactionConfig } from '../config/redaction-rules';
import { chartOfList } from './chart';
import { countTabs } from './counts';
import { getJob } from './detail';
import { listExecutions } from './executions';
import { parseJobFilter } from './filters';
import { listJobs } from './list';
import { getRawJob } from './raw';
import { loadColumns } from './rows';
import { completeQuery } from './suggestions';
import { parseColumns } from './types';

/*
 * Jobs with more text than a request reads. The time limit is generous: without budgets these take
 * from ten seconds to minutes.
 */

const GUARD_MS = 8_000;

let console_: TestConsole;
beforeAll(async () => {
  setRedactionConfig({});
  console_ = await TestConsole.open('jobs_heavy');
});
afterAll(() => console_.close());

const WORDS = `repeat('lorem ipsum ', 10000)`;
/** Name, number of jobs, and SQL for arguments and error. */
const CASES: [name: string, jobs: number, args: string, error: string][] = [
  ['arguments and errors of 64 kB', 100, `left(${WORDS}, 64000)`, `left(${WORDS}, 64000)`],
  ['errors of 1.5 MB', 60, `'x'::text`, `repeat('lorem ipsum ', 125000)`],
  ['arguments of 1.8 MB', 30, `repeat('lorem ipsum ', 150000)`, `'KeyError: x'::text`],
  ['errors of 96 kB', 200, `'x'::text`, `left(${WORDS}, 96000)`],
  ['an argument of 40 MB', 1, `repeat('0123456789', 4000000)`, `'KeyError: x'::text`],
  [
    'an array of 1,000,000 elements',
    2,
    `(SELECT array_agg(1) FROM generate_series(1, 1000000))`,
    `'KeyError: x'::text`,
  ],
  [
    'an object of 50,000 keys',
    2,
    `(SELECT jsonb_object_agg('key' || k, k) FROM generate_series(1, 50000) k)`,
    `'KeyError: x'::text`,
  ],
  [
    'JSON of depth 5,000',
    2,
    `(repeat('[', 5000) || repeat(']', 5000))::jsonb`,
    `'KeyError: x'::text`,
  ],
  [
    'numbers that print a hundred thousand digits',
    3,
    `(SELECT jsonb_agg(('1e100000')::numeric) FROM generate_series(1, 50))`,
    `'KeyError: x'::text`,
  ],
];

it.each(CASES)(
  'answers every request about %s (%i jobs) within the time limit',
  async (name, jobs, args, error) => {
    const job_class = `Heavy${CASES.findIndex(([other]) => other === name)}Job`;
    await console_.client.query(
      `INSERT INTO good_jobs (id, active_job_id, queue_name, priority, job_class, labels, error,
        serialized_params, scheduled_at, finished_at, performed_at, created_at, updated_at)
       SELECT id, id, 'default', 0, $1::text, ARRAY['bulk'], e.error,
              jsonb_build_object('job_class', $1::text, 'job_id', id,
                                 'arguments', jsonb_build_array(a.args)),
              now() - n * interval '1 second', now() - n * interval '1 second', now(),
              now() - n * interval '1 second', now()
         FROM (SELECT gen_random_uuid() AS id, n FROM generate_series(1, $2::int) n) j,
              (SELECT to_jsonb(${args}) AS args OFFSET 0) a,
              (SELECT ${error} AS error OFFSET 0) e`,
      [job_class, jobs],
    );
    const ctx = console_.ctx();
    const filter = parseJobFilter(new URLSearchParams({ job_class }));
    const searches = ['nowhere', '-nowhere', 'error:nowhere', 'label:*u*'].map((q) =>
      parseJobFilter(new URLSearchParams({ job_class, q })),
    );
    const { rows } = await listJobs(ctx, filter);
    const id = rows[0]?.id ?? '';
    const questions: [string, () => Promise<unknown>][] = [
      ['list', () => listJobs(ctx, filter)],
      ['list of 100', () => listJobs(ctx, { ...filter, limit: 100 })],
      ['columns', () => loadColumns(ctx, rows, parseColumns('args.0,cron'))],
      ['job', () => getJob(ctx, id)],
      ['raw', () => getRawJob(ctx, id)],
      ['executions', () => listExecutions(ctx, id)],
      ['counts', () => countTabs(ctx, filter)],
      ['completion', () => completeQuery(ctx, { text: 'label:b', at: 7 })],
      ...searches.flatMap((search, n): [string, () => Promise<unknown>][] => [
        [`search ${n}`, () => listJobs(ctx, search)],
        [`counts of search ${n}`, () => countTabs(ctx, search)],
        [`chart of search ${n}`, () => chartOfList(ctx, search, { range: 'hour', by: 'class' })],
      ]),
    ];
    const slow: string[] = [];
    for (const [question, ask] of questions) {
      const started = performance.now();
      await ask();
      const ms = Math.round(performance.now() - started);
      if (process.env.HEAVY_TIMES) console.log(name, '·', question, ms);
      if (ms > GUARD_MS) slow.push(`${question}: ${ms} ms`);
    }
    expect(slow).toEqual([]);
  },
  120_000,
);
