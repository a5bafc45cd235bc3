import sql, { type Sql, raw } from 'sql-template-tag';
import type { Tx } from '../db/database';
import { listedName } from '../db/text-limit';
import type { GoodJobTables } from '../good-job/tables';

/** Distinct values that are read at most. */
export const VALUES = 1_000;

/** Labels are in a GIN index, which cannot be walked: those of the newest jobs stand for all. */
const SAMPLED = 3_000;

/** Of each job so many labels, and none of a job whose array is stored in more bytes. */
const SAMPLED_LABELS = 100;

const SAMPLED_BYTES = 8_192;

/**
 * One step in the index for each value, however many jobs have it; the read must be `byIndexOnly`. `more`: there are
 * others, beyond the limit or too long to be listed; `tooLong`: how many are.
 */
export async function looseScan(
  tx: Tx,
  tables: GoodJobTables,
  column: string,
  where: Sql,
  from: string,
  limit: number,
): Promise<{ values: { value: string }[]; more: boolean; tooLong: number }> {
  const value = raw(`j.${column}`);
  const rows = await tx.query<{ value: string | null }>(sql`
    WITH RECURSIVE found AS (
      (SELECT ${value} AS value FROM ${tables.jobs} j WHERE ${value} >= ${from} AND ${where} ORDER BY ${value} LIMIT 1)
      UNION ALL
      SELECT (SELECT ${value} FROM ${tables.jobs} j WHERE ${value} > found.value AND ${where} ORDER BY ${value} LIMIT 1) FROM found WHERE found.value IS NOT NULL)
    SELECT ${listedName(sql`value`)} AS value FROM found WHERE value <> '' LIMIT ${limit}`);
  const values = rows.flatMap(({ value: listed }) => (listed === null ? [] : [{ value: listed }]));
  const tooLong = rows.length - values.length;
  return { values, more: rows.length === limit || tooLong > 0, tooLong };
}

/** Of the newest jobs (index_good_jobs_on_created_at), or those that finished last where that index is not there. */
export async function sample(tx: Tx, tables: GoodJobTables, values: Sql): Promise<ValueOfJobs[]> {
  const lacks = tables.schema.missingMigrations.some(
    ({ migration }) => migration === 'add_index_good_jobs_created_at',
  );
  const newest = lacks
    ? sql`WHERE j.finished_at IS NOT NULL ORDER BY j.finished_at DESC`
    : sql`ORDER BY j.created_at DESC`;
  return tx.query(sql`
    SELECT value, (array_agg(j.id))[1:${JOBS_OF_VALUE}::int] AS ids FROM (SELECT j.id, CASE WHEN pg_column_size(${values}) <= ${SAMPLED_BYTES} THEN (${values})[1:${SAMPLED_LABELS}::int] END AS found FROM ${tables.jobs} j ${newest} LIMIT ${SAMPLED}) j, unnest(j.found) value
     WHERE value <> '' AND ${listedName(sql`value`)} IS NOT NULL GROUP BY value ORDER BY count(*) DESC, value LIMIT ${VALUES}`);
}

/** Jobs of one value that are looked at: of two one shows it, if any does. */
export const JOBS_OF_VALUE = 2;

/** A value, and some of the jobs that have it. */
export interface ValueOfJobs {
  value: string;
  ids: string[];
}
