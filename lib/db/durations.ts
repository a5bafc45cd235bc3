import sql, { type Sql } from 'sql-template-tag';

/** Seconds from one time to another; NULL where one of them is infinite, for Postgres cannot subtract it. */
export function secondsBetween(from: Sql, to: Sql): Sql {
  return sql`CASE WHEN isfinite(${from}) AND isfinite(${to}) THEN extract(epoch FROM ${to} - ${from})::float8 END`;
}
