import sql from 'sql-template-tag';
import type { Tx } from '../db/types';
import type { GoodJob } from '../good-job/tables';

export interface TableSizes {
  all: number | null;
  unfinished: number | null;
  finished: number | null;
  discarded: number | null;
}

interface Size {
  predicate: string | null;
  isIndex: boolean;
  count: number;
}

/** Rows of good_jobs and of its partial indexes as of the last VACUUM or ANALYZE; null: never looked at, or no such index. */
export async function sizesByIndexes(tx: Tx, gj: GoodJob): Promise<TableSizes> {
  const rows = await tx.query<Size>(sql`
    WITH jobs AS (SELECT c.oid, c.reltuples FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = ${gj.schema.name} AND c.relname = 'good_jobs')
    SELECT NULL AS predicate, false AS "isIndex", reltuples::float8 AS count FROM jobs
    UNION ALL
    SELECT pg_get_expr(i.indpred, i.indrelid), true, c.reltuples::float8
      FROM jobs JOIN pg_catalog.pg_index i ON i.indrelid = jobs.oid JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
     WHERE i.indpred IS NOT NULL AND i.indisvalid`);
  // An index may be younger than the table's last ANALYZE; the largest is the one that knows.
  const size = (fits: (row: Size) => boolean) =>
    ((counts) => (counts.length > 0 ? Math.max(...counts) : null))(
      rows
        .filter(fits)
        .map(({ count }) => count)
        .filter((count) => count >= 0),
    );
  const of = (predicate: RegExp) =>
    size((row) => row.isIndex && predicate.test(row.predicate ?? ''));
  return {
    all: size((row) => !row.isIndex),
    unfinished: of(/^\(finished_at IS NULL\)$/),
    finished: of(/^\(finished_at IS NOT NULL\)$/),
    discarded: of(/^\(\(finished_at IS NOT NULL\) AND \(error IS NOT NULL\)\)$/),
  };
}
