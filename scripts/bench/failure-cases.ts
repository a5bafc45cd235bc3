import type pg from 'pg';
import { countDiscarded } from '../../lib/failures/failed-jobs';
import { parseFailureFilter } from '../../lib/failures/filters';
import { listFailures } from '../../lib/failures/queries';
import type { GoodJobTables } from '../../lib/good-job/tables';
import { parsePerformanceFilter } from '../../lib/performance/filters';
import { measure } from '../../lib/performance/queries';
import type { Case, Group, Target } from './cases';

const PAGE: Target[] = [{ p95AtMost: 300 }];

const queryString = (query: Record<string, string>) =>
  Object.keys(query).length > 0 ? `?${new URLSearchParams(query)}` : '';

function failures(name: string, query: Record<string, string>, targets = PAGE): Case {
  return {
    name: `/cleaner, ${name}`,
    path: `/cleaner${queryString(query)}`,
    targets,
    sql: async (ctx) => {
      await listFailures(ctx, parseFailureFilter(new URLSearchParams(query)));
      return [];
    },
  };
}

function discardCounts(by: 'class' | 'exception'): Case {
  return {
    name: `/cleaner, by ${by}`,
    path: `/cleaner?by=${by}`,
    targets: PAGE,
    sql: async (ctx) => {
      await countDiscarded(ctx, parseFailureFilter(new URLSearchParams({ by })));
      return [];
    },
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
    path: path + queryString(query),
    targets: PAGE,
    sql: async (ctx) => {
      await measure(ctx, parsePerformanceFilter(new URLSearchParams(query)), jobClass);
      return [];
    },
  };
}

/** The most frequent class in a sample of executions. */
async function frequentClass(client: pg.Client, tables: GoodJobTables): Promise<string | null> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT job_class AS name
     FROM (
       SELECT job_class
       FROM ${tables.executions.sql}
       WHERE job_class IS NOT NULL
       LIMIT 20000
     ) e
     GROUP BY 1
     ORDER BY count(*) DESC, 1
     LIMIT 1`,
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
      : [failures('one class', { job_class: jobClass, finished_since: '7_days_ago' })]),
    // A deep scan, which the user requests, may take longer.
    failures('further back', { finished_since: '7_days_ago', deep: '1' }, [{ p95AtMost: 800 }]),
    discardCounts('class'),
    discardCounts('exception'),
  ];
  return { cases, writes: [], notes: [`class: ${jobClass ?? 'none'}`], skipped: [] };
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
    notes: [`class: ${jobClass ?? 'none'}`],
    skipped: jobClass === null ? ['no class with executions'] : [],
  };
}
