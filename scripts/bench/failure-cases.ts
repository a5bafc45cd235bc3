import type pg from 'pg';
import type { Ctx } from '../../lib/context/types';
import { countDiscarded } from '../../lib/failures/discard-counts';
import { parseFailureFilter } from '../../lib/failures/filters';
import { listFailures } from '../../lib/failures/queries';
import type { GoodJobTables } from '../../lib/good-job/tables';
import { parsePerformanceFilter } from '../../lib/performance/filters';
import { measure } from '../../lib/performance/queries';
import type { Case, Group, Target } from './cases';

const PAGE: Target[] = [{ p95AtMost: 300 }];

const printed = (query: Record<string, string>) =>
  Object.keys(query).length > 0 ? `?${new URLSearchParams(query)}` : '';

function failures(name: string, query: Record<string, string>, targets = PAGE): Case {
  return {
    name: `/cleaner, ${name}`,
    path: `/cleaner${printed(query)}`,
    targets,
    sql: async (ctx) => (
      await listFailures(ctx, parseFailureFilter(new URLSearchParams(query))),
      []
    ),
  };
}

function discarded(by: 'class' | 'exception'): Case {
  return {
    name: `/cleaner, by ${by}`,
    path: `/cleaner?by=${by}`,
    targets: PAGE,
    sql: async (ctx) => (
      await countDiscarded(ctx, parseFailureFilter(new URLSearchParams({ by }))),
      []
    ),
  };
}

function performance(
  name: string,
  query: Record<string, string>,
  jobClass: string | null = null,
): Case {
  const path = jobClass === null ? '/performance' : `/performance/${encodeURIComponent(jobClass)}`;
  return {
    name: `/performance, ${name}`,
    path: path + printed(query),
    targets: PAGE,
    sql: async (ctx: Ctx) => (
      await measure(ctx, parsePerformanceFilter(new URLSearchParams(query)), jobClass),
      []
    ),
  };
}

/** The class with the most executions among some of the table's pages. */
async function frequentClass(client: pg.Client, tables: GoodJobTables): Promise<string | null> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT job_class AS name FROM (SELECT job_class FROM ${tables.executions.sql} WHERE job_class IS NOT NULL LIMIT 20000) e GROUP BY 1 ORDER BY count(*) DESC, 1 LIMIT 1`,
  );
  return rows[0]?.name ?? null;
}

export async function failureGroup(client: pg.Client, tables: GoodJobTables): Promise<Group> {
  const jobClass = await frequentClass(client, tables);
  const cases = [
    failures('the last day', {}),
    failures('the last week', { finished_since: '7_days_ago' }),
    ...(jobClass === null
      ? []
      : [failures('of one class', { job_class: jobClass, finished_since: '7_days_ago' })]),
    // Asked for: more than a page has time for.
    failures('further back', { finished_since: '7_days_ago', deep: '1' }, [{ p95AtMost: 800 }]),
    discarded('class'),
    discarded('exception'),
  ];
  return { cases, writes: [], about: [`class: ${jobClass ?? 'none'}`], skipped: [] };
}

export async function performanceGroup(client: pg.Client, tables: GoodJobTables): Promise<Group> {
  const jobClass = await frequentClass(client, tables);
  const ranges = ['hour', 'day', 'week', 'fortnight'];
  const cases = [
    ...ranges.map((range) => performance(`last ${range}`, { range })),
    ...(jobClass === null
      ? []
      : ranges.map((range) => performance(`one class, last ${range}`, { range }, jobClass))),
  ];
  return {
    cases,
    writes: [],
    about: [`class: ${jobClass ?? 'none'}`],
    skipped: jobClass === null ? ['no class with executions'] : [],
  };
}
