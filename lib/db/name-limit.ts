import sql, { type Sql } from 'sql-template-tag';

/*
 * Names of queues, classes, cron keys and labels. Any application may store megabytes in them; a longer name is left
 * out of the pages that gather jobs by name, and these pages say that there is more.
 */

/** Bytes of the longest name that pages list. */
export const MAX_NAME_BYTES = 1_000;

/** The name, or NULL where it is too long to be listed. */
export const listedName = (name: Sql): Sql =>
  sql`CASE WHEN octet_length(${name}) <= ${MAX_NAME_BYTES}::int THEN ${name} END`;
