import 'server-only';
import sql from 'sql-template-tag';
import { quoteIdentifier } from '../good-job/tables';
import { TABLES } from '../good-job/schema';
import { type Found, type Look, countUpTo, earliest } from './look';
import type { StaleTable } from './types';

/** autovacuum analyzes at a tenth, within a minute: more than half of a table is one that it does not get to. */
const CHANGED_SHARE = 0.5;
const CHANGED_LEAST = 10_000;
/** A table of this size that was never analyzed has had the time for it. */
const NEVER_BYTES = 10 * 1024 * 1024;

interface Row {
  table: string;
  since: string | null;
  changed: number;
  rows: number;
}

/** Tables whose statistics the planner cannot rely on; the console runs no maintenance, it says what to run. */
export async function findStaleStatistics({ ctx: { gj }, read }: Look): Promise<Found> {
  const rows = await read((tx) =>
    tx.query<Row>(sql`
    SELECT c.relname::text AS table, greatest(s.last_analyze, s.last_autoanalyze) AS since, s.n_mod_since_analyze::float8 AS changed, c.reltuples::float8 AS rows
      FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace JOIN pg_catalog.pg_stat_all_tables s ON s.relid = c.oid
     WHERE n.nspname = ${gj.schema.name} AND c.relname = ANY(${[...TABLES]}) AND c.relkind = 'r'
       AND ((c.reltuples < 0 AND pg_relation_size(c.oid) > ${NEVER_BYTES}::int) OR (c.reltuples >= 0 AND s.n_mod_since_analyze > ${CHANGED_LEAST}::int + ${CHANGED_SHARE}::float8 * c.reltuples))
     ORDER BY c.relname`),
  );
  if (rows.length === 0) return { finding: null };
  const items = rows.map(({ table, since, changed, rows: counted }): StaleTable => ({
    table,
    since,
    changed: counted < 0 ? null : changed,
    rows: counted < 0 ? null : counted,
    statement: `ANALYZE ${quoteIdentifier(gj.schema.name)}.${quoteIdentifier(table)};`,
  }));
  return {
    finding: {
      kind: 'stale_statistics',
      severity: 'notice',
      since: earliest(items.map(({ since }) => since)),
      count: countUpTo(items.length, Infinity),
      items,
      where: null,
      repair: null,
    },
  };
}
