import 'server-only';
import sql, { type Sql } from 'sql-template-tag';
import { z } from 'zod';
import { AUDIT_EVENTS } from '../audit/recorder';
import type { Ctx } from '../context/types';
import { prettyJsonInSteps } from '../core/json';
import { truncateText, toUtc, instantMs, isBlankSql, isTimestamp } from '../core/text';
import type { Tx } from '../db/database';
import { MAX_FULL_TEXT_BYTES, MAX_TEXT_BYTES } from '../db/text-limit';
import { actionWarnings, eligibility } from '../good-job/actions';
import { isHeld } from '../good-job/locks';
import { PARAMS_PROBLEMS, decodeActiveJobInSteps, paramsProblem } from '../good-job/payload';
import { isPaused } from '../good-job/settings';
import { stateOf } from '../good-job/states';
import type { GoodJobTables } from '../good-job/tables';
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
import type { ExecutionRow, JobDetail, JobPreview } from './types';

/** Characters of the arguments shown before "Show all". */
const MAX_ARGUMENT_CHARS = 8_000;

const MAX_NAME_CHARS = 300;
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
    secrets: _secrets,
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
                 ${history})::text) AS version
          FROM ${tables.jobs} j
         WHERE j.id = ${id}`,
    ),
  );
  return row ?? null;
}

/** Returns warnings about an action on a job, such as a pause that would keep it from running. */
export async function getActionWarnings(ctx: Ctx, id: string): Promise<ActionWarnings> {
  return ctx.db.read((tx) => actionWarnings(tx, ctx.tables, id));
}

/** A step of a job's timeline. `seconds` is its duration. Times are ISO 8601 UTC. */
export type TimelineStep =
  /** Attempts on other pages of the list. */
  | { kind: 'earlier_attempts' | 'later_attempts' }
  | { kind: 'enqueued' | 'retried_by_hand' | 'due'; at: string }
  | { kind: 'waited' | 'backoff'; at: string; seconds: number }
  | {
      kind: 'attempt';
      at: string;
      number: number | null;
      state: ExecutionRow['state'];
      seconds: number | null;
    }
  | { kind: 'finished'; at: string; state: 'succeeded' | 'discarded' };

/** GoodJob enqueues its own retry when an attempt ends, so a later retry was made by a user. */
const MAX_OWN_RETRY_SECONDS = 5;
/** A job that is due later than this after its enqueue was scheduled for a time. */
const MIN_SCHEDULED_SECONDS = 1;
/** Shorter waits are not listed. */
const MIN_WAIT_SECONDS = 0.0005;

const secondsBetween = (from: string, to: string) => (instantMs(to) - instantMs(from)) / 1000;

/**
 * Returns the timeline of a job, oldest first, from its executions (newest first). The enqueue time
 * of an attempt comes from its own payload, because `created_at` of the job moves with every retry
 * (GoodJob::Job#retry_job).
 */
export function buildTimeline(
  job: JobDetail,
  executions: ExecutionRow[],
  { hasOlder = false, hasNewer = false } = {},
): TimelineStep[] {
  const steps: TimelineStep[] = [];
  let endedAt: string | null = null;
  if (hasOlder) steps.push({ kind: 'earlier_attempts' });
  for (const attempt of [...executions].reverse()) {
    steps.push(...attemptSteps(attempt, endedAt, endedAt === null && !hasOlder));
    endedAt = attempt.finishedAt ?? attempt.createdAt;
  }
  if (hasNewer) return [...steps, { kind: 'later_attempts' }];
  if (endedAt === null) steps.push({ kind: 'enqueued', at: job.createdAt });
  else if (
    !job.finishedAt &&
    !job.performedAt &&
    secondsBetween(endedAt, job.createdAt) > MAX_OWN_RETRY_SECONDS
  )
    steps.push({ kind: 'retried_by_hand', at: job.createdAt });
  if (job.finishedAt)
    steps.push({
      kind: 'finished',
      at: job.finishedAt,
      state: job.state === 'discarded' ? 'discarded' : 'succeeded',
    });
  else if (!job.performedAt && job.scheduledAt) steps.push({ kind: 'due', at: job.scheduledAt });
  return steps;
}

/**
 * Returns one attempt with the enqueue and the wait before it. `previousEndedAt` is null for the
 * first listed attempt.
 */
function attemptSteps(
  attempt: ExecutionRow,
  previousEndedAt: string | null,
  isFirst: boolean,
): TimelineStep[] {
  const steps: TimelineStep[] = [];
  const enqueuedAt =
    attempt.enqueuedAt && isTimestamp(attempt.enqueuedAt)
      ? attempt.enqueuedAt
      : (attempt.scheduledAt ?? attempt.createdAt);
  const isRetryByHand =
    previousEndedAt !== null && secondsBetween(previousEndedAt, enqueuedAt) > MAX_OWN_RETRY_SECONDS;
  if (isFirst || isRetryByHand)
    steps.push({ kind: isRetryByHand ? 'retried_by_hand' : 'enqueued', at: enqueuedAt });
  const from = previousEndedAt === null || isRetryByHand ? enqueuedAt : previousEndedAt;
  const kind = previousEndedAt !== null && !isRetryByHand ? 'backoff' : 'waited';
  // The attempt's recorded wait is preferred, so that the page shows a single number for it.
  const waitSeconds =
    (kind === 'waited' ? attempt.queueWait : null) ?? secondsBetween(from, attempt.createdAt);
  const dueAt = kind === 'waited' && attempt.queueWait !== null ? attempt.scheduledAt : null;
  if (dueAt !== null && secondsBetween(from, dueAt) > MIN_SCHEDULED_SECONDS)
    steps.push({ kind: 'due', at: dueAt });
  if (waitSeconds > MIN_WAIT_SECONDS) steps.push({ kind, at: dueAt ?? from, seconds: waitSeconds });
  steps.push({
    kind: 'attempt',
    at: attempt.createdAt,
    number: attempt.number,
    state: attempt.state,
    seconds: attempt.runTime,
  });
  return steps;
}
