import sql, { type Sql } from 'sql-template-tag';

/** Whether a timestamp is in the years 1 to 9999: the difference of any two fits an interval. */
export function isMeasurable(at: Sql): Sql {
  return sql`${at} BETWEEN '0001-01-01 00:00:00' AND '9999-12-31 00:00:00'`;
}

/**
 * Seconds from one timestamp to another; NULL where one is infinite or outside of the years 1 to 9999, where Postgres
 * may raise 22008 instead of a difference. Both expressions are evaluated several times.
 */
export function secondsBetween(from: Sql, to: Sql): Sql {
  return sql`CASE WHEN ${isMeasurable(from)} AND ${isMeasurable(to)} THEN extract(epoch FROM ${to} - ${from})::float8 END`;
}

/** Seconds of an interval; NULL where it is infinite, which it can be as of PostgreSQL 17. */
export function finiteSeconds(interval: Sql): Sql {
  return sql`CASE WHEN isfinite(${interval}) THEN extract(epoch FROM ${interval})::float8 END`;
}
