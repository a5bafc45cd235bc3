import type pg from 'pg';
import type { GoodJobTables } from '../../lib/good-job/tables';
import { readActivity } from '../../lib/overview/activity';
import { getOverview } from '../../lib/overview/queries';
import { RANGE_NAMES, type Range, rangeQuery } from '../../lib/overview/types';
import type { Case, Group, Target } from './cases';

/** The target of a scratch database of a million jobs, or of ten million. */
const LARGE = 5_000_000;
const targetsOf = (jobs: number): Target[] => [{ p95AtMost: jobs > LARGE ? 400 : 200 }];

/** The parts are cached for all viewers; the time of the SQL is the cost of a miss of the series. */
function overview(name: string, path: string, range: Range, targets: Target[]): Case {
  return {
    name,
    path,
    targets,
    sql: async (ctx) => {
      await readActivity(ctx, range);
      await getOverview(ctx, range);
      return [];
    },
  };
}

export async function overviewGroup(client: pg.Client, tables: GoodJobTables): Promise<Group> {
  const { rows } = await client.query<{ jobs: number }>(
    `SELECT reltuples::float8 AS jobs
     FROM pg_class
     WHERE oid = to_regclass($1)`,
    [tables.jobs.sql],
  );
  const targets = targetsOf(rows[0]?.jobs ?? 0);
  return {
    cases: [
      ...RANGE_NAMES.map((range) =>
        overview(`/, last ${range}`, `/${rangeQuery(range)}`, range, targets),
      ),
      overview('poll of /, last 1h', '/api/overview', '1h', targets),
    ],
    writes: [],
    notes: [],
    skipped: [],
  };
}
