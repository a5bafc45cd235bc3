import type pg from 'pg';
import type { Ctx } from '../../lib/context/request-context';
import type { GoodJobTables } from '../../lib/good-job/tables';
import { JOB_STATES } from '../../lib/good-job/types';
import { chartOfList } from '../../lib/jobs/chart';
import { countTabs } from '../../lib/jobs/counts';
import { type JobFilter, isUnderstood, parseJobFilter } from '../../lib/jobs/filters';
import { listJobs } from '../../lib/jobs/list';
import { completeQuery } from '../../lib/jobs/suggestions';
import { readChartRequest } from '../../lib/jobs/types';
import { FINISHED_SINCE_SECONDS } from '../../lib/search/terms';
import type { Case, Group, Target } from './cases';

/** For lists that an index of GoodJob's schema covers. */
const INDEXED: Target[] = [{ p50AtMost: 60 }, { p95AtMost: 150 }];
const FIRST_ANSWER: Target[] = [{ p95AtMost: 500 }];
const NEXT_WINDOW: Target[] = [{ p95AtMost: 1_000 }];
const IMMEDIATE: Target[] = [{ p95AtMost: 30 }];

const queryString = (query: Record<string, string>) => String(new URLSearchParams(query));

/** Throws for an invalid query, which would measure an empty page. */
function parseFilter(query: Record<string, string>): JobFilter {
  const filter = parseJobFilter(new URLSearchParams(query));
  if (!isUnderstood(filter))
    throw new Error(`A bench case has an invalid query: ${queryString(query)}.`);
  return filter;
}

/** The shortest value of finished_since for which this database, filled some time ago, has jobs. */
function recentSpan(secondsOld: number): string {
  return (
    Object.entries(FINISHED_SINCE_SECONDS).find(
      ([, seconds]) => seconds > 2 * secondsOld && seconds > 3_600,
    )?.[0] ?? '7_days_ago'
  );
}

/** A page of the list. `isChecked: false` for searches, whose results vary with the time budget. */
function list(
  name: string,
  query: Record<string, string>,
  targets: Target[],
  isChecked = true,
): Case {
  return {
    name: `/jobs, ${name}`,
    path: `/jobs${Object.keys(query).length > 0 ? `?${queryString(query)}` : ''}`,
    targets,
    sql: async (ctx) => {
      const ids = (await listJobs(ctx, parseFilter(query))).rows.map((row) => row.id);
      return isChecked ? ids : [];
    },
  };
}

/** An endpoint whose response contains no ids. */
function endpoint(
  name: string,
  path: string,
  targets: Target[],
  runQueries: (ctx: Ctx) => Promise<unknown>,
): Case {
  const sql = async (ctx: Ctx) => {
    await runQueries(ctx);
    return [];
  };
  return { name, path, targets, sql };
}

function counts(name: string, query: Record<string, string>): Case {
  return endpoint(
    `counts, ${name}`,
    `/api/jobs/counts?${queryString(query)}`,
    FIRST_ANSWER,
    (ctx) => countTabs(ctx, parseFilter(query)),
  );
}

function completion(text: string): Case {
  return endpoint(
    `completion of "${text}"`,
    `/api/jobs/completion?${queryString({ text })}`,
    IMMEDIATE,
    (ctx) => completeQuery(ctx, { text, at: text.length }),
  );
}

function chart(range: string, by: string, query: Record<string, string> = {}): Case {
  const filter = queryString(query);
  return endpoint(
    `chart, last ${range} by ${by}${filter && ` of ${filter}`}`,
    `/api/jobs/chart?${queryString({ ...query, range, by })}`,
    [{ p95AtMost: 1_000 }],
    (ctx) => chartOfList(ctx, parseFilter(query), readChartRequest(range, by)),
  );
}

interface Values {
  middle: string | null;
  deep: string | null;
  recent: string | null;
  class: string | null;
  queue: string | null;
  label: string | null;
  cron: string | null;
  process: string | null;
  batch: string | null;
  /** Two hours before the newest job. */
  twoHours: string | null;
}

/** Values of recent jobs in this database, and the jobs 50 % and 60 % down the list. */
async function findValues(client: pg.Client, tables: GoodJobTables): Promise<Values> {
  const jobs = tables.jobs.sql;
  const findValue = async (expression: string, where = 'true') => {
    const { rows } = await client.query<{ value: string }>(
      `SELECT (${expression})::text AS value
       FROM (
         SELECT *
         FROM ${jobs} j
         WHERE ${where}
         ORDER BY j.created_at DESC
         LIMIT 2000
       ) j
       WHERE (${expression}) IS NOT NULL
       ORDER BY j.id
       LIMIT 1`,
    );
    return rows[0]?.value ?? null;
  };
  const findJobAt = async (share: number) => {
    const { rows } = await client.query<{ id: string }>(
      `SELECT id
       FROM ${jobs}
       WHERE created_at <= (
         SELECT min(created_at) + (max(created_at) - min(created_at)) * $1::float8
         FROM ${jobs}
       )
       ORDER BY created_at DESC
       LIMIT 1`,
      [1 - share],
    );
    return rows[0]?.id ?? null;
  };
  const newest = await client.query<{ value: string | null }>(
    `SELECT to_char(max(created_at) - interval '2 hours', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS value
     FROM ${jobs}`,
  );
  return {
    twoHours: newest.rows[0]?.value ?? null,
    recent: await findValue('j.id'),
    class: await findValue('j.job_class'),
    queue: await findValue('j.queue_name'),
    label: await findValue('j.labels[1]'),
    cron: await findValue('j.cron_key'),
    process: await findValue('j.locked_by_id', 'j.locked_by_id IS NOT NULL'),
    batch: await findValue('j.batch_id', 'j.batch_id IS NOT NULL'),
    middle: await findJobAt(0.5),
    deep: await findJobAt(0.6),
  };
}

/** Returns the cases of `make` if this database has the value. */
function casesWith(values: Values, key: keyof Values, make: (value: string) => Case[]): Case[] {
  const value = values[key];
  return value === null ? [] : make(value);
}

/** The lists that GoodJob's indexes cover. */
function indexedCases(values: Values, secondsOld: number): Case[] {
  return [
    list('all', {}, INDEXED),
    ...casesWith(values, 'middle', (id) => [
      list('all, a page in the middle', { after_id: id }, INDEXED),
      list('all, the page before it', { before_id: id }, INDEXED),
    ]),
    list('all, 100 rows', { limit: '100' }, INDEXED),
    ...JOB_STATES.map((state) => list(state, { state }, INDEXED)),
    ...['created', '-finished', '-scheduled'].map((sort) =>
      list(`sorted by ${sort}`, { sort }, INDEXED),
    ),
    list('queued, by priority', { state: 'queued', sort: 'priority' }, INDEXED),
    ...casesWith(values, 'class', (value) => [
      list('one class', { job_class: value }, INDEXED),
      list('discarded, one class', { state: 'discarded', job_class: value }, INDEXED),
      list('classes by prefix', { q: `class:${value.slice(0, 4)}*` }, FIRST_ANSWER),
    ]),
    ...casesWith(values, 'queue', (value) => [
      list('one queue', { queue_name: value }, INDEXED),
      list('queued, one queue', { state: 'queued', queue_name: value }, INDEXED),
    ]),
    ...casesWith(values, 'label', (value) => [list('one label', { label: value }, INDEXED)]),
    ...casesWith(values, 'cron', (value) => [list('one cron key', { cron_key: value }, INDEXED)]),
    ...casesWith(values, 'process', (value) => [
      list('one process', { process_id: value }, FIRST_ANSWER),
    ]),
    ...casesWith(values, 'batch', (value) => [list('one batch', { q: `batch:${value}` }, INDEXED)]),
    ...casesWith(values, 'twoHours', (at) => [
      list('newest two hours', { q: `created:>${at}` }, INDEXED),
    ]),
    list('finished since', { finished_since: recentSpan(secondsOld) }, INDEXED),
    ...casesWith(values, 'recent', (id) => [
      list('a UUID', { q: id }, IMMEDIATE),
      list('the first 8 characters of a UUID', { q: id.slice(0, 8) }, IMMEDIATE),
    ]),
    list('no such class', { job_class: 'NoSuchJob' }, INDEXED),
  ];
}

/** Searches that have to scan jobs. */
function searchCases(values: Values): Case[] {
  return [
    list('common text', { q: '請求書' }, FIRST_ANSWER, false),
    list('missing text', { q: 'どこにもない文字列' }, FIRST_ANSWER, false),
    ...casesWith(values, 'deep', (id) => [
      list(
        'missing text, next window',
        { q: 'どこにもない文字列', after_id: id },
        NEXT_WINDOW,
        false,
      ),
    ]),
    list('without a common text', { q: '-請求書' }, FIRST_ANSWER, false),
    list('an error', { q: 'error:Net::ReadTimeout' }, FIRST_ANSWER, false),
    list('a missing argument', { q: 'args.0.invoice_id:-1' }, FIRST_ANSWER, false),
    list('a missing number of attempts', { q: 'attempts:>=99' }, FIRST_ANSWER, false),
    list('without a label', { q: '-label:vip attempts:>=2' }, FIRST_ANSWER, false),
    list(
      'a query with many terms',
      {
        q:
          'state:discarded class:Billing* queue:default -label:bulk ' +
          'error:"Net::ReadTimeout" attempts:>=3 請求書',
      },
      FIRST_ANSWER,
      false,
    ),
  ];
}

function endpointCases(values: Values, hasLastHour: boolean): Case[] {
  return [
    counts('all', {}),
    ...casesWith(values, 'class', (value) => [counts('one class', { job_class: value })]),
    ...casesWith(values, 'queue', (value) => [counts('one queue', { queue_name: value })]),
    counts('common text', { q: '請求書' }),
    counts('missing text', { q: 'どこにもない文字列' }),
    endpoint('poll of /jobs with counts', '/api/jobs?include=counts', INDEXED, async (ctx) =>
      Promise.all([listJobs(ctx, parseFilter({})), countTabs(ctx, parseFilter({}))]),
    ),
    ...['cla', 'class:', 'class:sync', 'queue:', 'label:', 'cron:', 'process:'].map(completion),
    ...(hasLastHour ? [chart('hour', 'state')] : []),
    chart('day', 'queue'),
    chart('week', 'class'),
    chart('week', 'state', { state: 'discarded' }),
  ];
}

export async function jobGroup(client: pg.Client, tables: GoodJobTables): Promise<Group> {
  const values = await findValues(client, tables);
  const { rows } = await client.query<{ n: string }>(
    `SELECT reltuples::bigint AS n FROM pg_class WHERE oid = $1::regclass`,
    [tables.jobs.sql],
  );
  const secondsOld =
    values.twoHours === null
      ? 0
      : Math.max(0, Date.now() - Date.parse(values.twoHours)) / 1_000 - 7_200;
  const hasLastHour = secondsOld < 1_800;
  const cases = [
    ...indexedCases(values, secondsOld),
    ...searchCases(values),
    ...endpointCases(values, hasLastHour),
  ];
  return {
    cases,
    writes: [],
    notes: [
      `about ${Number(rows[0]?.n ?? 0).toLocaleString('en')} jobs, ` +
        `the newest ${Math.round(secondsOld / 3_600)} hours old`,
      ...Object.entries(values).map(([key, value]) => `${key}: ${value ?? 'none'}`),
    ],
    skipped: [
      ...Object.entries(values)
        .filter(([, value]) => value === null)
        .map(([key]) => `no value of ${key}`),
      ...(hasLastHour ? [] : ['the chart of the last hour: no job is recent enough']),
    ],
  };
}
