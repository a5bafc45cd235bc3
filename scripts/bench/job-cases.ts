import type pg from 'pg';
import type { Ctx } from '../../lib/context/types';
import { JOB_STATES } from '../../lib/good-job/states';
import type { GoodJobTables } from '../../lib/good-job/tables';
import { chartOfList } from '../../lib/jobs/chart';
import { countTabs } from '../../lib/jobs/counts';
import { type JobFilter, isUnderstood, parseJobFilter } from '../../lib/jobs/filters';
import { listJobs } from '../../lib/jobs/list';
import { completeQuery } from '../../lib/jobs/suggestions';
import { readChartRequest } from '../../lib/jobs/types';
import { FINISHED_SINCE } from '../../lib/search/terms';
import type { Case, Group, Target } from './cases';

/** What an index of GoodJob's own schema answers. */
const SERVED: Target[] = [{ p50AtMost: 60 }, { p95AtMost: 150 }];
const FIRST_ANSWER: Target[] = [{ p95AtMost: 500 }];
const FURTHER_STEP: Target[] = [{ p95AtMost: 1_000 }];
const AT_ONCE: Target[] = [{ p95AtMost: 30 }];

const printed = (query: Record<string, string>) => String(new URLSearchParams(query));

/** A case that is not understood would measure an empty page. */
function filterOf(query: Record<string, string>): JobFilter {
  const filter = parseJobFilter(new URLSearchParams(query));
  if (!isUnderstood(filter))
    throw new Error(`The bench asks for what is not understood: ${printed(query)}.`);
  return filter;
}

/** The shortest of GoodJob's spans in which this database has a good many jobs; a database that was filled a while ago has no last hour. */
function recentSpan(secondsOld: number): string {
  return (
    Object.entries(FINISHED_SINCE).find(
      ([, seconds]) => seconds > 2 * secondsOld && seconds > 3_600,
    )?.[0] ?? '7_days_ago'
  );
}

/** A page of the list. What a search finds within its budget is another thing each time: `proved` false asks for no ids. */
function list(name: string, query: Record<string, string>, targets: Target[], proved = true): Case {
  return {
    name: `/jobs, ${name}`,
    path: `/jobs${Object.keys(query).length > 0 ? `?${printed(query)}` : ''}`,
    targets,
    sql: async (ctx) => {
      const ids = (await listJobs(ctx, filterOf(query))).rows.map((row) => row.id);
      return proved ? ids : [];
    },
  };
}

/** A door that answers without ids. */
function door(
  name: string,
  path: string,
  targets: Target[],
  ask: (ctx: Ctx) => Promise<unknown>,
): Case {
  return { name, path, targets, sql: async (ctx) => (await ask(ctx), []) };
}

function counts(name: string, query: Record<string, string>): Case {
  // Beside the list, never before it.
  return door(`counts, ${name}`, `/api/jobs/counts?${printed(query)}`, FIRST_ANSWER, (ctx) =>
    countTabs(ctx, filterOf(query)),
  );
}

function completion(text: string): Case {
  return door(
    `completion of "${text}"`,
    `/api/jobs/completion?${printed({ text })}`,
    AT_ONCE,
    (ctx) => completeQuery(ctx, { text, at: text.length }),
  );
}

function chart(range: string, by: string, query: Record<string, string> = {}): Case {
  return door(
    `chart, last ${range} by ${by}${printed(query) && ` of ${printed(query)}`}`,
    `/api/jobs/chart?${printed({ ...query, range, by })}`,
    [{ p95AtMost: 1_000 }],
    (ctx) => chartOfList(ctx, filterOf(query), readChartRequest(range, by)),
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

/** Values that this database has: of a job in the newest hundredth, and the places 10 %, 50 % and 60 % down the list. */
async function findValues(client: pg.Client, tables: GoodJobTables): Promise<Values> {
  const jobs = tables.jobs.sql;
  const one = async (expression: string, where = 'true') =>
    (
      await client.query<{ value: string | null }>(
        `SELECT (${expression})::text AS value FROM (SELECT * FROM ${jobs} j WHERE ${where} ORDER BY j.created_at DESC LIMIT 2000) j WHERE (${expression}) IS NOT NULL ORDER BY j.id LIMIT 1`,
      )
    ).rows[0]?.value ?? null;
  const place = async (share: number) =>
    (
      await client.query<{ id: string }>(
        `SELECT id FROM ${jobs} WHERE created_at <= (SELECT min(created_at) + (max(created_at) - min(created_at)) * $1::float8 FROM ${jobs}) ORDER BY created_at DESC LIMIT 1`,
        [1 - share],
      )
    ).rows[0]?.id ?? null;
  const newest = await client.query<{ value: string | null }>(
    `SELECT to_char(max(created_at) - interval '2 hours', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS value FROM ${jobs}`,
  );
  return {
    twoHours: newest.rows[0]?.value ?? null,
    recent: await one('j.id'),
    class: await one('j.job_class'),
    queue: await one('j.queue_name'),
    label: await one('j.labels[1]'),
    cron: await one('j.cron_key'),
    process: await one('j.locked_by_id', 'j.locked_by_id IS NOT NULL'),
    batch: await one('j.batch_id', 'j.batch_id IS NOT NULL'),
    middle: await place(0.5),
    deep: await place(0.6),
  };
}

/** Cases whose value this database has. */
function given(values: Values, key: keyof Values, make: (value: string) => Case[]): Case[] {
  const value = values[key];
  return value === null ? [] : make(value);
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
    list('all', {}, SERVED),
    ...given(values, 'middle', (id) => [
      list('all, a page in the middle', { after_id: id }, SERVED),
      list('all, the page before it', { before_id: id }, SERVED),
    ]),
    list('all, 100 rows', { limit: '100' }, SERVED),
    ...JOB_STATES.map((state) => list(state, { state }, SERVED)),
    ...['created', '-finished', '-scheduled'].map((sort) =>
      list(`sorted by ${sort}`, { sort }, SERVED),
    ),
    list('queued, by priority', { state: 'queued', sort: 'priority' }, SERVED),
    ...given(values, 'class', (value) => [
      list('of one class', { job_class: value }, SERVED),
      list('discarded, of one class', { state: 'discarded', job_class: value }, SERVED),
      list('classes by their beginning', { q: `class:${value.slice(0, 4)}*` }, FIRST_ANSWER),
    ]),
    ...given(values, 'queue', (value) => [
      list('of one queue', { queue_name: value }, SERVED),
      list('queued, of one queue', { state: 'queued', queue_name: value }, SERVED),
    ]),
    ...given(values, 'label', (value) => [list('of one label', { label: value }, SERVED)]),
    ...given(values, 'cron', (value) => [list('of one cron key', { cron_key: value }, SERVED)]),
    ...given(values, 'process', (value) => [
      list('of one process', { process_id: value }, FIRST_ANSWER),
    ]),
    ...given(values, 'batch', (value) => [list('of one batch', { q: `batch:${value}` }, SERVED)]),
    ...given(values, 'twoHours', (at) => [
      list('of the newest two hours', { q: `created:>${at}` }, SERVED),
    ]),
    list('finished since', { finished_since: recentSpan(secondsOld) }, SERVED),
    ...given(values, 'recent', (id) => [
      list('a UUID', { q: id }, AT_ONCE),
      list('the first 8 characters of a UUID', { q: id.slice(0, 8) }, AT_ONCE),
    ]),
    list('no such class', { job_class: 'NoSuchJob' }, SERVED),
    list('text that many have', { q: '請求書' }, FIRST_ANSWER, false),
    list('text that nobody has', { q: 'どこにもない文字列' }, FIRST_ANSWER, false),
    ...given(values, 'deep', (id) => [
      list(
        'text that nobody has, a further step',
        { q: 'どこにもない文字列', after_id: id },
        FURTHER_STEP,
        false,
      ),
    ]),
    list('without a text that many have', { q: '-請求書' }, FIRST_ANSWER, false),
    list('an error', { q: 'error:Net::ReadTimeout' }, FIRST_ANSWER, false),
    list('an argument that nobody has', { q: 'args.0.invoice_id:-1' }, FIRST_ANSWER, false),
    list('attempts that nobody has', { q: 'attempts:>=99' }, FIRST_ANSWER, false),
    list('without a label', { q: '-label:vip attempts:>=2' }, FIRST_ANSWER, false),
    list(
      'the query of the issue',
      {
        q: 'state:discarded class:Billing* queue:default -label:bulk error:"Net::ReadTimeout" attempts:>=3 請求書',
      },
      FIRST_ANSWER,
      false,
    ),
    counts('all', {}),
    ...given(values, 'class', (value) => [counts('of one class', { job_class: value })]),
    ...given(values, 'queue', (value) => [counts('of one queue', { queue_name: value })]),
    counts('text that many have', { q: '請求書' }),
    counts('text that nobody has', { q: 'どこにもない文字列' }),
    door('poll of /jobs with its counts', '/api/jobs?include=counts', SERVED, async (ctx) =>
      Promise.all([listJobs(ctx, filterOf({})), countTabs(ctx, filterOf({}))]),
    ),
    ...['cla', 'class:', 'class:sync', 'queue:', 'label:', 'cron:', 'process:'].map(completion),
    ...(hasLastHour ? [chart('hour', 'state')] : []),
    chart('day', 'queue'),
    chart('week', 'class'),
    chart('week', 'state', { state: 'discarded' }),
  ];
  return {
    cases,
    writes: [],
    about: [
      `about ${Number(rows[0]?.n ?? 0).toLocaleString('en')} jobs, the newest ${Math.round(secondsOld / 3_600)} hours old`,
      ...Object.entries(values).map(([key, value]) => `${key}: ${value ?? 'none'}`),
    ],
    skipped: [
      ...Object.entries(values)
        .filter(([, value]) => value === null)
        .map(([key]) => `no value of ${key}`),
      ...(hasLastHour ? [] : ['the chart of the last hour: no job is so young']),
    ],
  };
}
