import 'server-only';
import sql, { type Sql } from 'sql-template-tag';
import { AUDIT_EVENTS } from '../audit/recorder';
import type { Ctx } from '../context/types';
import { prettyJsonInSteps } from '../core/json-text';
import { cut, inUtc, instantMs, isBlank, isTimestamp } from '../core/text';
import { MAX_FULL_TEXT_BYTES, MAX_TEXT_BYTES } from '../db/text-limit';
import { type ActionWarnings, actionWarnings } from '../good-job/action-warnings';
import { eligibility } from '../good-job/actions';
import { isHeld } from '../good-job/locks';
import { isPaused } from '../good-job/pauses';
import { decodeActiveJobInSteps, paramsProblem } from '../good-job/payload';
import { stateOf } from '../good-job/states';
import type { GoodJobTables } from '../good-job/tables';
import { HIDDEN } from '../redaction/redaction';
import { enqueuedAtOf, executionNumber, smallParams } from './executions';
import { type ReadJobRow, jobRowColumns, listedFacts } from './rows';
import {
  ERROR_SHOWN,
  type RedactedTexts,
  type StoredTexts,
  newFullTextBudget,
  newJobBudget,
  redactTexts,
  storedTextColumns,
} from './texts';
import type { ExecutionRow, JobDetail } from './types';

/** Characters shown at first; the page offers the rest. */
const ARGUMENTS_SHOWN = 8_000;

const NAME_SHOWN = 300;
const LABELS_SHOWN = 100;

/** Decompressed once: paramsProblem looks at a dozen keys. Concatenation with an empty object returns the value itself. */
const boundedProblem: Sql = sql`(SELECT ${paramsProblem(sql`p.params`)} FROM (SELECT j.serialized_params || '{}'::jsonb AS params OFFSET 0) p)`;

type DetailRow = ReadJobRow &
  Pick<
    JobDetail,
    | 'createdAt'
    | 'scheduledAt'
    | 'performedAt'
    | 'finishedAt'
    | 'cronAt'
    | 'batchCallbackId'
    | 'lockedById'
    | 'processSeenAt'
    | 'held'
  > & {
    finished: boolean;
    errorPresent: boolean;
    errorAttemptAt: string | null;
    errorAttemptNumber: string | null;
    firstStartedAt: string | null;
    firstEnqueuedText: string | null;
    paramsProblem:
      'params_not_an_object' | 'params_without_job_class' | 'params_of_wrong_type' | null;
  };

/** The newest executions that are compared with the error of the job. */
const COMPARED = 100;

/** The last attempt that ended with the error of the job `j`, as `errorAttempt*` of DetailRow; a large error is not compared. */
const errorAttempt = (tables: GoodJobTables): Sql => sql`LEFT JOIN LATERAL (
  SELECT e.created_at, e.number FROM (
    SELECT e.created_at, e.id, e.error, ${executionNumber(smallParams)} AS number FROM ${tables.executions} e
     WHERE e.active_job_id = j.id ORDER BY e.created_at DESC, e.id DESC LIMIT ${COMPARED}) e
   WHERE CASE WHEN octet_length(e.error) <= ${MAX_TEXT_BYTES} THEN e.error = j.error END ORDER BY e.created_at DESC, e.id DESC LIMIT 1) failed ON j.error IS NOT NULL`;

/** The first attempt of the job `j`, where a later retry has moved `created_at` behind it (GoodJob::Job#retry_job). */
const firstAttempt = (tables: GoodJobTables): Sql => sql`LEFT JOIN LATERAL (
  SELECT e.created_at, ${enqueuedAtOf(smallParams)} AS enqueued_at FROM ${tables.executions} e
   WHERE e.active_job_id = j.id ORDER BY e.created_at, e.id LIMIT 1) started ON started.created_at < j.created_at`;

/**
 * A job with everything its page shows but the raw JSON; null when there is none. `all`: its texts are read up to
 * MAX_FULL_TEXT_BYTES each, and are not cut.
 */
export async function getJob(
  ctx: Ctx,
  id: string,
  { all = false } = {},
): Promise<JobDetail | null> {
  const { tables } = ctx;
  const maxBytes = all ? MAX_FULL_TEXT_BYTES : MAX_TEXT_BYTES;
  const [row] = await ctx.db.read((tx) =>
    tx.query<DetailRow>(sql`
      SELECT ${jobRowColumns(tables, sql`j.created_at`, storedTextColumns({ maxBytes, always: true }))},
             j.created_at AS "createdAt", j.scheduled_at AS "scheduledAt", j.performed_at AS "performedAt", j.finished_at AS "finishedAt",
             j.cron_at AS "cronAt", j.batch_callback_id AS "batchCallbackId", j.locked_by_id AS "lockedById",
             (SELECT p.updated_at FROM ${tables.processes} p WHERE p.id = j.locked_by_id) AS "processSeenAt",
             ${isHeld(tables)} AS held, j.finished_at IS NOT NULL AS finished, NOT (${isBlank(sql`j.error`)}) AS "errorPresent",
             ${boundedProblem} AS "paramsProblem",
             failed.created_at AS "errorAttemptAt", failed.number AS "errorAttemptNumber",
             started.created_at AS "firstStartedAt", started.enqueued_at AS "firstEnqueuedText"
        FROM ${tables.jobs} j ${errorAttempt(tables)} ${firstAttempt(tables)} WHERE j.id = ${id}`),
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
  const error = texts.error ?? '';
  const { createdAt, scheduledAt, performedAt, finishedAt, cronAt } = row;
  const { batchCallbackId, lockedById, processSeenAt, held } = row;
  return {
    ...listedFacts(row),
    ...shortNames(texts),
    ...(tooLarge ? { tooLarge } : {}),
    error: texts.error && (all ? error : cut(error, ERROR_SHOWN)),
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
    argumentsHidden: json?.includes(HIDDEN) ?? false,
    argumentsJson: json === null ? null : all ? json : cut(json, ARGUMENTS_SHOWN),
    argumentsLength: json?.length ?? 0,
    isWhole: all,
    retryable: isRetryable(row),
  };
}

function errorAttemptOf({
  errorAttemptAt: at,
  errorAttemptNumber: number,
}: DetailRow): JobDetail['errorAttempt'] {
  return at === null ? null : { at, number: number === null ? null : Number(number) };
}

/** As the payload of the first attempt has it, which is untrusted text; else when that attempt started. */
function firstEnqueuedAt({ firstStartedAt, firstEnqueuedText }: DetailRow): string | null {
  return firstStartedAt !== null && firstEnqueuedText !== null && isTimestamp(firstEnqueuedText)
    ? inUtc(firstEnqueuedText)
    : firstStartedAt;
}

function shortNames(
  texts: Pick<RedactedTexts, 'jobClass' | 'queueName' | 'cronKey' | 'concurrencyKey' | 'labels'>,
) {
  const short = (name: string | null) => name && cut(name, NAME_SHOWN);
  return {
    jobClass: short(texts.jobClass),
    queueName: short(texts.queueName),
    cronKey: short(texts.cronKey),
    concurrencyKey: short(texts.concurrencyKey),
    labels: texts.labels.slice(0, LABELS_SHOWN).map((label) => cut(label, NAME_SHOWN)),
  };
}

/** Null: too large, or beyond the budget. */
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

/** A version of what the page of a job shows. */
export interface JobVersion {
  version: string;
}

/**
 * Changes whenever the page of a job does: with its row, its last execution, its history, its worker, its pause, and
 * with the time where its state depends on that. Null: the job does not exist.
 */
export async function getJobVersion(ctx: Ctx, id: string): Promise<JobVersion | null> {
  const { tables } = ctx;
  const history = ctx.consoleSchema
    ? sql`(SELECT max(a.created_at) FROM ${AUDIT_EVENTS} a WHERE a.target_ids @> ARRAY[${id}]::uuid[])`
    : sql`NULL`;
  const [row] = await ctx.db.read((tx) =>
    tx.query<JobVersion>(sql`
      SELECT md5(jsonb_build_array(
               j.xmin::text, ${stateOf}, ${isHeld(tables)}, ${isPaused(tables)},
               (SELECT p.updated_at FROM ${tables.processes} p WHERE p.id = j.locked_by_id),
               (SELECT jsonb_build_array(e.id, e.xmin::text) FROM ${tables.executions} e
                 WHERE e.active_job_id = j.id ORDER BY e.created_at DESC, e.id DESC LIMIT 1),
               ${history})::text) AS version
        FROM ${tables.jobs} j WHERE j.id = ${id}`),
  );
  return row ?? null;
}

/** What is known before an action on a job to keep it from its effect. */
export async function getActionWarnings(ctx: Ctx, id: string): Promise<ActionWarnings> {
  return ctx.db.read((tx) => actionWarnings(tx, ctx.tables, id));
}

/** A step in a job's life, oldest first. `seconds`: how long it lasted. Times are ISO 8601 UTC. */
export type Step =
  /** Attempts that are on other pages of the list. */
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

/** GoodJob enqueues a retry of its own as the attempt ends; later than this it was somebody's hand. Seconds. */
const OWN_RETRY = 5;
/** A job that is due later than this after its enqueue was enqueued for a time. Seconds. */
const LATER = 1;
/** Waits shorter than this are not worth a line. Seconds. */
const SHORT = 0.0005;

const seconds = (from: string, to: string) => (instantMs(to) - instantMs(from)) / 1000;

/**
 * Enqueue, wait, each attempt, back-off, finish. When an attempt was enqueued is in its own payload: the job's
 * `created_at` moves with every retry. `executions` newest first; `hasOlder` and `hasNewer`: there are more.
 */
export function timelineOf(
  job: JobDetail,
  executions: ExecutionRow[],
  { hasOlder = false, hasNewer = false } = {},
): Step[] {
  const steps: Step[] = [];
  let ended: string | null = null;
  if (hasOlder) steps.push({ kind: 'earlier_attempts' });
  for (const attempt of [...executions].reverse()) {
    const enqueued =
      attempt.enqueuedAt && isTimestamp(attempt.enqueuedAt)
        ? attempt.enqueuedAt
        : (attempt.scheduledAt ?? attempt.createdAt);
    const byHand: boolean = ended !== null && seconds(ended, enqueued) > OWN_RETRY;
    const isFirst = ended === null && !hasOlder;
    if (isFirst || byHand)
      steps.push({ kind: ended === null ? 'enqueued' : 'retried_by_hand', at: enqueued });
    const from: string = ended === null || byHand ? enqueued : ended;
    const kind = ended !== null && !byHand ? 'backoff' : 'waited';
    // The wait that the attempt itself has, so that one number stands for it on the page.
    const waited =
      (kind === 'waited' ? attempt.queueWait : null) ?? seconds(from, attempt.createdAt);
    const due = kind === 'waited' && attempt.queueWait !== null ? attempt.scheduledAt : null;
    if (due !== null && seconds(from, due) > LATER) steps.push({ kind: 'due', at: due });
    if (waited > SHORT) steps.push({ kind, at: due ?? from, seconds: waited });
    steps.push({
      kind: 'attempt',
      at: attempt.createdAt,
      number: attempt.number,
      state: attempt.state,
      seconds: attempt.runTime,
    });
    ended = attempt.finishedAt ?? attempt.createdAt;
  }
  if (hasNewer) return [...steps, { kind: 'later_attempts' }];
  if (ended === null) steps.push({ kind: 'enqueued', at: job.createdAt });
  else if (!job.finishedAt && !job.performedAt && seconds(ended, job.createdAt) > OWN_RETRY)
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
