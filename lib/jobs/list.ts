import 'server-only';
import sql, { type Sql } from 'sql-template-tag';
import type { Ctx } from '../ctx';
import { parseJson } from '../good-job/json';
import { isHeld } from '../good-job/locks';
import { isPaused } from '../good-job/pauses';
import { ERROR_EVENTS } from '../good-job/raw-rows';
import { readyAt, stateOf } from '../good-job/states';
import type { GoodJob } from '../good-job/tables';
import { HIDDEN, READ_BEYOND, redaction } from '../redaction/redaction';
import { SHORTEST, SecretRegistry } from '../redaction/secret-registry';
import type { JobRow } from './types';

/** Characters of a text column that a list carries at most. */
const TEXT_SHOWN = 300;

/** A row as it is stored; `redactRow` makes of it what is shown. */
export interface ReadJobRow extends JobRow {
  /** The arguments of a job with an error, or with names: what is hidden of them is hidden there too. Empty: they are too large to look. */
  errorOf: string | null;
}

/** Compressed, bytes; for the sake of a name alone no long payload is read. */
const LARGEST_LOOKED_INTO = 1_000_000;
const LARGEST_FOR_NAMES = 20_000;
const argumentsOfJob = sql`(j.serialized_params -> 'arguments')::text`;

/** The columns of a ReadJobRow; `key` is the list's sort key. */
export function jobRowColumns(gj: GoodJob, key: Sql): Sql {
  return sql`j.id, left(j.job_class, ${TEXT_SHOWN}) AS "jobClass", left(j.queue_name, ${TEXT_SHOWN}) AS "queueName", j.priority,
    coalesce((SELECT array_agg(left(l, ${TEXT_SHOWN})) FROM unnest(j.labels[1:20]) l), '{}') AS labels,
    coalesce(j.executions_count, 0) AS attempts, left(j.error, ${TEXT_SHOWN + READ_BEYOND}) AS error,
    ${
      redaction().off
        ? sql`NULL`
        : sql`CASE WHEN j.error <> '' THEN CASE WHEN pg_column_size(j.serialized_params) < ${LARGEST_LOOKED_INTO} THEN ${argumentsOfJob} ELSE '' END
         WHEN pg_column_size(j.serialized_params) < ${LARGEST_FOR_NAMES} AND (j.queue_name <> '' OR j.labels <> '{}') THEN ${argumentsOfJob} END`
    } AS "errorOf", ${stateOf} AS state,
    (${[...ERROR_EVENTS]}::text[])[j.error_event + 1] AS "errorEvent",
    CASE WHEN j.finished_at IS NOT NULL THEN j.finished_at WHEN j.performed_at IS NOT NULL THEN j.performed_at ELSE ${readyAt} END AS "lastAt",
    ${key} AS "sortAt", j.batch_id AS "batchId",
    j.finished_at IS NULL AND j.performed_at IS NULL AND ${isPaused(gj)} AS paused,
    CASE WHEN j.finished_at IS NULL AND j.performed_at IS NOT NULL THEN NOT ${isHeld(gj)} ELSE false END AS "lostWorker"`;
}

/** The row without what is hidden of it. */
export function redactRow<Row extends ReadJobRow>(
  { errorOf, ...row }: Row,
  shown = TEXT_SHOWN,
): Omit<Row, 'errorOf'> {
  const rules = redaction();
  const secrets = new SecretRegistry();
  const text = (given: string) => rules.redactText(given, secrets);
  if (errorOf && (row.error || mayRepeat([row.queueName, ...row.labels], errorOf)))
    rules.redactJson(parseJson(errorOf), { of: 'arguments', jobClass: row.jobClass, secrets });
  const error =
    row.error &&
    (errorOf === '' && !rules.off
      ? HIDDEN
      : rules.excerpt(row.error, { read: shown + READ_BEYOND, shown, secrets }));
  return {
    ...row,
    jobClass: row.jobClass && rules.redactText(row.jobClass),
    queueName: row.queueName && text(row.queueName),
    labels: row.labels.map(text),
    error,
  };
}

/** Whether a name has so much in common with the arguments that it may repeat a value of them: most have not, and those need not be parsed. */
function mayRepeat(names: (string | null)[], stored: string): boolean {
  const text = stored.toLowerCase();
  return names.some((name) => {
    const own = name?.toLowerCase() ?? '';
    for (let n = 0; n + SHORTEST <= own.length; n += 1)
      if (text.includes(own.slice(n, n + SHORTEST))) return true;
    return false;
  });
}

/** The callback jobs of a batch, newest first; a batch has a handful, so the first 100 are all. */
export async function listCallbackJobs(ctx: Ctx, batchId: string): Promise<JobRow[]> {
  const rows = await ctx.db.read((tx) =>
    tx.query<ReadJobRow>(sql`
      SELECT ${jobRowColumns(ctx.gj, sql`j.created_at`)} FROM ${ctx.gj.jobs} j WHERE j.batch_callback_id = ${batchId}
       ORDER BY j.created_at DESC, j.id DESC LIMIT 100`),
  );
  return rows.map((row) => redactRow(row));
}
