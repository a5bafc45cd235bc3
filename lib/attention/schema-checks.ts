import 'server-only';
import sql from 'sql-template-tag';
import { TABLES } from '../good-job/schema';
import { quoteIdentifier } from '../good-job/tables';
import {
  type Catalogue,
  type Found,
  type CheckContext,
  countUpTo,
  earliest,
} from './check-context';
import type { SchemaGap, StaleTable } from './types';

/** Migrations of GoodJob's that this database has not run, and the console's own schema where it is not (wholly) there. */
export async function findSchemaGaps({ ctx }: CheckContext): Promise<Found> {
  const items: SchemaGap[] = ctx.tables.schema.missingMigrations.map((migration) => ({
    gap: 'migration',
    migration,
  }));
  const severity = items.length > 0 ? 'warning' : 'notice';
  // A console that may not write needs none.
  if (!ctx.readOnly && !ctx.consoleSchema) items.push({ gap: 'console_schema' });
  else if (!ctx.readOnly && !ctx.bulkRuns) items.push({ gap: 'console_version' });
  if (items.length === 0) return { finding: null };
  return {
    finding: {
      kind: 'schema_gaps',
      severity,
      since: null,
      count: countUpTo(items.length, Infinity),
      items,
      where: null,
      repair: null,
    },
  };
}

/** autovacuum analyzes at a tenth, within a minute: more than half of a table is one that it does not get to. */
const CHANGED_SHARE = 0.5;
const CHANGED_LEAST = 10_000;
/** A table of this size that was never analyzed has had the time for it. */
const NEVER_BYTES = 10 * 1024 * 1024;

interface Row {
  now: string;
  /** Null: there is no such table. */
  table: string | null;
  since: string | null;
  changed: number;
  rows: number;
}

/** The database's clock, and the tables whose statistics the planner cannot rely on. */
export async function readCatalogue({ ctx: { tables }, read }: CheckContext): Promise<Catalogue> {
  const rows = await read((tx) =>
    tx.query<Row>(sql`
    SELECT clock_timestamp() AS now, t.*
      FROM (SELECT 1) one
      LEFT JOIN (
        SELECT c.relname::text AS table, greatest(s.last_analyze, s.last_autoanalyze) AS since,
               s.n_mod_since_analyze::float8 AS changed, c.reltuples::float8 AS rows
          FROM pg_catalog.pg_class c
          JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
          JOIN pg_catalog.pg_stat_all_tables s ON s.relid = c.oid
         WHERE n.nspname = ${tables.schema.name} AND c.relname = ANY(${[...TABLES]}) AND c.relkind = 'r'
           AND ((c.reltuples < 0 AND pg_relation_size(c.oid) > ${NEVER_BYTES}::int)
             OR (c.reltuples >= 0 AND s.n_mod_since_analyze
                   > ${CHANGED_LEAST}::int + ${CHANGED_SHARE}::float8 * c.reltuples))) t ON true
     ORDER BY t.table`),
  );
  if (!rows[0]) throw new Error('The database did not tell its time.');
  return {
    now: rows[0].now,
    staleTables: rows.flatMap(({ table, since, changed, rows: counted }): StaleTable[] =>
      table === null
        ? []
        : [
            {
              table,
              since,
              changed: counted < 0 ? null : changed,
              rows: counted < 0 ? null : counted,
              statement: `ANALYZE ${quoteIdentifier(tables.schema.name)}.${quoteIdentifier(table)};`,
            },
          ],
    ),
  };
}

/** The console runs no maintenance, it says what to run. */
export async function findStaleStatistics(checkContext: CheckContext): Promise<Found> {
  const { staleTables } = await checkContext.catalogue();
  if (staleTables.length === 0) return { finding: null };
  return {
    finding: {
      kind: 'stale_statistics',
      severity: 'notice',
      since: earliest(staleTables.map(({ since }) => since)),
      count: countUpTo(staleTables.length, Infinity),
      items: staleTables,
      where: null,
      repair: null,
    },
  };
}
