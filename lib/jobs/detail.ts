import 'server-only';
import sql, { type Sql } from 'sql-template-tag';
import { z } from 'zod';
import { AUDIT_EVENTS } from '../audit/recorder';
import type { Env } from '../config/environment';
import { fillLink } from '../config/values';
import type { Ctx } from '../context/request-context';
import { prettyJsonInSteps } from '../core/json';
import { instantMs, isBlankSql, isTimestamp, toUtc, truncateText } from '../core/text';
import type { Tx } from '../db/database';
import { MAX_FULL_TEXT_BYTES, MAX_TEXT_BYTES } from '../db/text-limit';
import { actionWarnings, eligibility } from '../good-job/actions';
import { isHeld } from '../good-job/locks';
import { PARAMS_PROBLEMS, decodeActiveJobInSteps, paramsProblem } from '../good-job/payload';
import { isPaused } from '../good-job/settings';
import { type GoodJobTables, isInState, stateOf } from '../good-job/tables';
import type { ActionWarnings } from '../good-job/types';
import { REDACTION_MARKER } from '../redaction/redaction';
import {
  enqueuedAtOf,
  executionNumber,
  limitedParamsSql,
  listExecutions,
  markLostExecution,
} from './executions';
import { jobRowColumns, readJobRow, rowFields } from './rows';
import { argumentLine, summarize } from './summary';
import {
  MAX_ERROR_CHARS,
  type RedactedTexts,
  type StoredTexts,
  newFullTextBudget,
  newJobBudget,
  redactTexts,
  storedTextColumns,
} from './texts';
import type { JobDetail, JobPreview } from './types';
import { readWaiting } from './waiting';

/** Characters of the arguments shown before "Show all". */
const MAX_ARGUMENT_CHARS = 8_000;

const MAX_NAME_CHARS = 300;
/** The latest time of a JavaScript Date. */
const MAX_DATE_MS = 8.64e15;
const MAX_LABELS = 100;

/** The concatenation decompresses the payload once, although paramsProblem reads a dozen keys. */
const decompressedProblem: Sql = sql`(
  SELECT ${paramsProblem(sql`p.params`)}
    FROM (SELECT j.serialized_params || '{}'::jsonb AS params OFFSET 0) p)`;

const detailRow = readJobRow.extend({
  createdAt: z.string(),
  scheduledAt: z.string().nullable(),
  performedAt: z.string().nullable(),
  finishedAt: z.string().nullable(),
  cronAt: z.string().nullable(),
  batchCallbackId: z.string().nullable(),
  lockedById: z.string().nullable(),
  processSeenAt: z.string().nullable(),
  /** Null on a standby that cannot see the worker's advisory lock. */
  held: z.boolean().nullable(),
  finished: z.boolean(),
  errorPresent: z.boolean(),
  errorAttemptAt: z.string().nullable(),
  errorAttemptNumber: z.string().nullable(),
  firstStartedAt: z.string().nullable(),
  firstEnqueuedText: z.string().nullable(),
  paramsProblem: z.enum(PARAMS_PROBLEMS).nullable(),
});
type DetailRow = z.infer<typeof detailRow>;

/** Number of newest executions that are compared with the error of the job. */
const MAX_COMPARED = 100;

/**
 * Joins the last attempt that ended with the error of the job `j`. A large error is not compared.
 */
const errorAttempt = (tables: GoodJobTables): Sql => sql`LEFT JOIN LATERAL (
  SELECT e.created_at, e.number
    FROM (SELECT e.created_at, e.id, e.error, ${executionNumber(limitedParamsSql)} AS number
            FROM ${tables.executions} e
           WHERE e.active_job_id = j.id
           ORDER BY e.created_at DESC, e.id DESC
           LIMIT ${MAX_COMPARED}) e
   WHERE CASE WHEN octet_length(e.error) <= ${MAX_TEXT_BYTES} THEN e.error = j.error END
   ORDER BY e.created_at DESC, e.id DESC
   LIMIT 1) failed ON j.error IS NOT NULL`;

/**
 * Joins the first attempt of a job `j` whose `created_at` a later retry has moved
 * (GoodJob::Job#retry_job).
 */
const firstAttempt = (tables: GoodJobTables): Sql => sql`LEFT JOIN LATERAL (
  SELECT e.created_at, ${enqueuedAtOf(limitedParamsSql)} AS enqueued_at
    FROM ${tables.executions} e
   WHERE e.active_job_id = j.id
   ORDER BY e.created_at, e.id
   LIMIT 1) started ON started.created_at < j.created_at`;

/**
 * Returns a job with all that its page shows except the raw JSON; null if it does not exist. `all`
 * reads each text up to MAX_FULL_TEXT_BYTES and does not truncate it.
 */
export async function getJob(
  ctx: Ctx,
  id: string,
  { all = false } = {},
): Promise<JobDetail | null> {
  const row = await ctx.db.read((tx) =>
    readDetail(tx, ctx.tables, id, all ? MAX_FULL_TEXT_BYTES : MAX_TEXT_BYTES),
  );
  if (!row) return null;
  const {
    secrets,
    arguments: args,
    tooLarge,
    ...texts
  } = await redactTexts(row, {
    budget: all ? newFullTextBudget() : newJobBudget(),
    withArguments: true,
  });
  const json = await argumentsJson(row.arguments, args);
  const shortJson = json && truncateText(json, MAX_ARGUMENT_CHARS);
  const error = texts.error ?? '';
  const summary = summarize(texts.jobClass, args);
  const { createdAt, scheduledAt, performedAt, finishedAt, cronAt } = row;
  const { batchCallbackId, lockedById, processSeenAt, held } = row;
  return {
    ...rowFields(row),
    ...shortNames(texts),
    ...(summary.unwrapped === null ? {} : { unwrapped: summary.unwrapped }),
    line: argumentLine(summary.arguments),
    ...(tooLarge ? { tooLarge } : {}),
    error: texts.error && (all ? error : truncateText(error, MAX_ERROR_CHARS)),
    errorLength: error.length,
    errorAttempt: errorAttemptOf(row),
    firstEnqueuedAt: firstEnqueuedAt(row),
    createdAt,
    scheduledAt,
    performedAt,
    finishedAt,
    cronAt,
    batchCallbackId,
    lockedById,
    processSeenAt,
    held,
    argumentsHidden: json?.includes(REDACTION_MARKER) ?? false,
    argumentsJson: all ? json : shortJson,
    argumentsLength: json?.length ?? 0,
    isWhole: all,
    retryable: isRetryable(row),
    waiting: await readWaiting(ctx, { ...row, paused: row.paused === true, secrets }),
  };
}

/** Attempts of a preview. */
const PREVIEWED_ATTEMPTS = 5;
/** Characters of the error of an attempt in a preview. */
const MAX_ATTEMPT_ERROR_CHARS = 300;

/** Returns a job as a list shows it beside its rows; null if it does not exist. */
export async function getJobPreview(ctx: Ctx, id: string): Promise<JobPreview | null> {
  const [job, executions] = await Promise.all([
    getJob(ctx, id),
    listExecutions(ctx, id, { limit: PREVIEWED_ATTEMPTS }),
  ]);
  if (!job) return null;
  const attempts = markLostExecution(executions, job.lostWorker).map((attempt) => ({
    ...attempt,
    error: attempt.error && truncateText(attempt.error, MAX_ATTEMPT_ERROR_CHARS),
    otherFrames: [],
  }));
  return { job, attempts };
}

/** Reads a job by good_jobs_pkey, with its texts up to `maxBytes`. */
async function readDetail(
  tx: Tx,
  tables: GoodJobTables,
  id: string,
  maxBytes: number,
): Promise<DetailRow | undefined> {
  const textColumns = storedTextColumns({ maxBytes, always: true });
  const [row] = await tx.query(
    detailRow,
    sql`
      SELECT ${jobRowColumns(tables, sql`j.created_at`, textColumns)},
             j.created_at AS "createdAt", j.scheduled_at AS "scheduledAt",
             j.performed_at AS "performedAt", j.finished_at AS "finishedAt",
             j.cron_at AS "cronAt", j.batch_callback_id AS "batchCallbackId",
             j.locked_by_id AS "lockedById",
             (SELECT p.updated_at
                FROM ${tables.processes} p
               WHERE p.id = j.locked_by_id) AS "processSeenAt",
             ${isHeld(tables)} AS held, j.finished_at IS NOT NULL AS finished,
             NOT (${isBlankSql(sql`j.error`)}) AS "errorPresent",
             ${decompressedProblem} AS "paramsProblem",
             failed.created_at AS "errorAttemptAt", failed.number AS "errorAttemptNumber",
             started.created_at AS "firstStartedAt", started.enqueued_at AS "firstEnqueuedText"
        FROM ${tables.jobs} j
        ${errorAttempt(tables)}
        ${firstAttempt(tables)}
       WHERE j.id = ${id}`,
  );
  return row;
}

function errorAttemptOf({
  errorAttemptAt: at,
  errorAttemptNumber: number,
}: DetailRow): JobDetail['errorAttempt'] {
  return at === null ? null : { at, number: number === null ? null : Number(number) };
}

/**
 * Uses the payload of the first attempt, which is untrusted text, or else the start of that
 * attempt.
 */
function firstEnqueuedAt({ firstStartedAt, firstEnqueuedText }: DetailRow): string | null {
  return firstStartedAt !== null && firstEnqueuedText !== null && isTimestamp(firstEnqueuedText)
    ? toUtc(firstEnqueuedText)
    : firstStartedAt;
}

function shortNames(
  texts: Pick<RedactedTexts, 'jobClass' | 'queueName' | 'cronKey' | 'concurrencyKey' | 'labels'>,
) {
  const truncate = (name: string | null) => name && truncateText(name, MAX_NAME_CHARS);
  return {
    jobClass: truncate(texts.jobClass),
    queueName: truncate(texts.queueName),
    cronKey: truncate(texts.cronKey),
    concurrencyKey: truncate(texts.concurrencyKey),
    labels: texts.labels.slice(0, MAX_LABELS).map((label) => truncateText(label, MAX_NAME_CHARS)),
  };
}

/** Returns null if the arguments are too large or exceeded the budget. */
async function argumentsJson(
  stored: StoredTexts['arguments'],
  redacted: RedactedTexts['arguments'],
): Promise<string | null> {
  if (stored === null) return 'null';
  return redacted ? prettyJsonInSteps(await decodeActiveJobInSteps(redacted)) : null;
}

function isRetryable({ id, finished, errorPresent, paramsProblem: problem }: DetailRow): boolean {
  const denied = eligibility('retry', {
    id,
    finished,
    errorPresent,
    errorNull: false,
    batchId: null,
    batchCallbackId: null,
    paramsProblem: problem,
  });
  return denied === null;
}

/** The version of a job's page, for polling. */
interface JobVersion {
  /** An opaque hash. */
  version: string;
}
const versionRow = z.strictObject({ version: z.string() });

/**
 * The first ready job in the queue of `j`, by index_good_jobs_on_queue_name_and_scheduled_at: it
 * changes while the number of jobs before `j` does.
 */
const firstInQueue = (tables: GoodJobTables): Sql => sql`(
  SELECT first.id
    FROM ${tables.jobs} first
   WHERE first.queue_name >= j.queue_name AND first.queue_name <= j.queue_name
     AND first.finished_at IS NULL
     AND first.performed_at IS NULL
     AND first.scheduled_at <= now()
   ORDER BY first.queue_name, first.scheduled_at
   LIMIT 1)`;

/**
 * Returns a version that changes with anything the page of a job shows: its row, last execution,
 * history, worker, pause and time-dependent state. Null if the job does not exist.
 */
export async function getJobVersion(ctx: Ctx, id: string): Promise<JobVersion | null> {
  const { tables } = ctx;
  const history = ctx.consoleSchema
    ? sql`(SELECT max(a.created_at)
                  FROM ${AUDIT_EVENTS} a
                 WHERE a.target_ids @> ARRAY[${id}]::uuid[])`
    : sql`NULL`;
  const [row] = await ctx.db.read((tx) =>
    tx.query(
      versionRow,
      sql`
        SELECT md5(jsonb_build_array(
                 j.xmin::text, ${stateOf}, ${isHeld(tables)}, ${isPaused(tables)},
                 (SELECT p.updated_at FROM ${tables.processes} p WHERE p.id = j.locked_by_id),
                 (SELECT jsonb_build_array(e.id, e.xmin::text)
                    FROM ${tables.executions} e
                   WHERE e.active_job_id = j.id
                   ORDER BY e.created_at DESC, e.id DESC
                   LIMIT 1),
                 CASE WHEN ${isInState('queued')} THEN ${firstInQueue(tables)} END,
                 ${history})::text) AS version
          FROM ${tables.jobs} j
         WHERE j.id = ${id}`,
    ),
  );
  return row ?? null;
}

/** Added to the times of a job in the links to other tools, whose clocks differ. */
const LINK_MARGIN_MS = 60_000;

/** Returns the links of the templates LINK_LOGS, LINK_ERRORS and LINK_CLASS for a job. */
export function linksOf(
  job: JobDetail,
  templates: Env['links'],
  nowMs: number,
): Record<keyof Env['links'], string | null> {
  const fromMs = instantMs(job.firstEnqueuedAt ?? job.createdAt) - LINK_MARGIN_MS;
  const toMs = (job.finishedAt === null ? nowMs : instantMs(job.finishedAt)) + LINK_MARGIN_MS;
  const isoTime = (ms: number) => (Math.abs(ms) <= MAX_DATE_MS ? new Date(ms).toISOString() : null);
  const values = {
    job_id: job.id,
    active_job_id: job.id,
    job_class: job.jobClass,
    queue: job.queueName,
    cron_key: job.cronKey,
    batch_id: job.batchId,
    from: isoTime(fromMs),
    to: isoTime(toMs),
    from_ms: isoTime(fromMs) && String(fromMs),
    to_ms: isoTime(toMs) && String(toMs),
  };
  const fill = (template: string | null) => template && fillLink(template, values);
  return {
    logs: fill(templates.logs),
    errors: fill(templates.errors),
    class: fill(templates.class),
  };
}

/** Returns warnings about an action on a job, such as a pause that would keep it from running. */
export async function getActionWarnings(ctx: Ctx, id: string): Promise<ActionWarnings> {
  return ctx.db.read((tx) => actionWarnings(tx, ctx.tables, id));
}
