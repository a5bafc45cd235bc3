import 'server-only';
import sql from 'sql-template-tag';
import type { Ctx } from '../ctx';
import { decodeActiveJob } from '../good-job/active-job-values';
import { isLibraryFrame } from '../good-job/frames';
import { type Json, get, parseJson, prettyJson, stringOf } from '../good-job/json';
import { isHeld } from '../good-job/locks';
import { judge } from '../good-job/actions';
import { paramsProblem } from '../good-job/params';
import { isBlank } from '../good-job/blank';
import { ERROR_EVENTS, rawExecution, rawJob } from '../good-job/raw-rows';
import { HIDDEN, READ_BEYOND, redaction } from '../redaction/redaction';
import { SecretRegistry } from '../redaction/secret-registry';
import { cut } from '../text';
import { type ReadJobRow, jobRowColumns, redactRow } from './list';
import { EXECUTIONS_SHOWN, type ExecutionRow, type JobDetail } from './types';

/** Characters shown at first; the page offers the rest. */
const ARGUMENTS_SHOWN = 8_000;
const ERROR_SHOWN = 8_000;
const FRAMES_SHOWN = 200;
const FRAME_SHOWN = 500;

interface DetailRow
  extends
    Omit<JobDetail, 'argumentsJson' | 'argumentsLength' | 'argumentsHidden' | 'retryable'>,
    ReadJobRow {
  arguments: string | null;
  finished: boolean;
  errorPresent: boolean;
  paramsProblem:
    'params_not_an_object' | 'params_without_job_class' | 'params_of_wrong_type' | null;
}

/** A job with everything its page shows but the raw JSON; null when there is none. `all`: arguments uncut. */
export async function getJob(
  ctx: Ctx,
  id: string,
  { all = false } = {},
): Promise<JobDetail | null> {
  const { gj } = ctx;
  const [row] = await ctx.db.read((tx) =>
    tx.query<DetailRow>(sql`
      SELECT ${jobRowColumns(gj, sql`j.created_at`)}, left(j.error, ${ERROR_SHOWN + READ_BEYOND}) AS error, (j.serialized_params -> 'arguments')::text AS "errorOf",
             j.created_at AS "createdAt", j.scheduled_at AS "scheduledAt", j.performed_at AS "performedAt", j.finished_at AS "finishedAt",
             left(j.concurrency_key, 300) AS "concurrencyKey", left(j.cron_key, 300) AS "cronKey", j.cron_at AS "cronAt",
             j.batch_callback_id AS "batchCallbackId", j.locked_by_id AS "lockedById",
             (SELECT p.updated_at FROM ${gj.processes} p WHERE p.id = j.locked_by_id) AS "processSeenAt",
             ${isHeld(gj)} AS held, (j.serialized_params -> 'arguments')::text AS arguments,
             j.finished_at IS NOT NULL AS finished, NOT (${isBlank(sql`j.error`)}) AS "errorPresent",
             ${paramsProblem(sql`j.serialized_params`)} AS "paramsProblem"
        FROM ${gj.jobs} j WHERE j.id = ${id}`),
  );
  if (!row) return null;
  const { arguments: stored, finished, errorPresent, paramsProblem: problem, ...detail } = row;
  const rules = redaction();
  const secrets = new SecretRegistry();
  const args = rules.redactJson(parseJson(stored ?? 'null'), {
    of: 'arguments',
    jobClass: row.jobClass,
    secrets,
  });
  const text = prettyJson(decodeActiveJob(args));
  const key = (given: string | null) => given && rules.redactText(given, secrets);
  return {
    ...redactRow(detail, ERROR_SHOWN),
    cronKey: key(row.cronKey),
    concurrencyKey: key(row.concurrencyKey),
    argumentsHidden: text.includes(HIDDEN),
    argumentsJson: all ? text : cut(text, ARGUMENTS_SHOWN),
    argumentsLength: text.length,
    retryable:
      judge('retry', {
        id,
        finished,
        errorPresent,
        errorNull: false,
        batchId: null,
        batchCallbackId: null,
        paramsProblem: problem,
      }) === null,
  };
}

type StoredExecution = Omit<
  ExecutionRow,
  'applicationFrames' | 'otherFrames' | 'errorEvent' | 'number'
> & {
  number: string | null;
  errorEvent: number | null;
  backtrace: string[] | null;
  jobClass: string | null;
  /** Of an attempt with an error: what is hidden of them is hidden there too. */
  ownArguments: string | null;
  jobArguments: string | null;
};

/**
 * The newest EXECUTIONS_SHOWN executions of a job, newest first. An attempt that GoodJob itself followed with
 * another (interrupted, retried) counts as retried also when the job was discarded later.
 */
export async function listExecutions(ctx: Ctx, jobId: string): Promise<ExecutionRow[]> {
  // index_good_job_executions_on_active_job_id_and_created_at
  const rows = await ctx.db.read((tx) =>
    tx.query<StoredExecution>(sql`
      SELECT e.id, CASE jsonb_typeof(e.serialized_params -> 'executions') WHEN 'number' THEN ((e.serialized_params ->> 'executions')::numeric + 1)::text
                        ELSE CASE WHEN jsonb_typeof(e.serialized_params) = 'object' THEN '1' END END AS number,
             CASE WHEN e.finished_at IS NULL THEN 'running' WHEN e.error IS NULL THEN 'succeeded'
                  WHEN e.error_event IN (0, 3) OR j.finished_at IS NULL THEN 'retried' ELSE 'discarded' END AS state,
             CASE jsonb_typeof(e.serialized_params -> 'enqueued_at') WHEN 'string' THEN left(e.serialized_params ->> 'enqueued_at', 40) END AS "enqueuedAt",
             e.created_at AS "createdAt", e.scheduled_at AS "scheduledAt", e.finished_at AS "finishedAt",
             extract(epoch FROM e.created_at - e.scheduled_at)::float8 AS "queueWait",
             extract(epoch FROM coalesce(e.duration, e.finished_at - e.created_at))::float8 AS "runTime",
             left(e.error, ${ERROR_SHOWN + READ_BEYOND}) AS error, e.error_event AS "errorEvent",
             (SELECT array_agg(left(f, ${FRAME_SHOWN + READ_BEYOND}) ORDER BY n) FROM unnest(e.error_backtrace[1:${FRAMES_SHOWN}::int]) WITH ORDINALITY t(f, n) WHERE f IS NOT NULL) AS backtrace,
             e.process_id AS "processId", j.job_class AS "jobClass",
             CASE WHEN e.error <> '' OR e.error_backtrace IS NOT NULL THEN (e.serialized_params -> 'arguments')::text END AS "ownArguments",
             CASE WHEN e.error <> '' OR e.error_backtrace IS NOT NULL THEN (j.serialized_params -> 'arguments')::text END AS "jobArguments"
        FROM ${ctx.gj.executions} e JOIN ${ctx.gj.jobs} j ON j.id = e.active_job_id
       WHERE e.active_job_id = ${jobId} ORDER BY e.created_at DESC, e.id DESC LIMIT ${EXECUTIONS_SHOWN}`),
  );
  const rules = redaction();
  // All attempts mostly have the same arguments.
  const known = new Map<string, SecretRegistry>();
  const secretsOf = ({ ownArguments, jobArguments, jobClass }: StoredExecution) => {
    const key = `${ownArguments}\0${jobArguments}`;
    const secrets = known.get(key) ?? new SecretRegistry();
    if (!known.has(key))
      for (const text of new Set([ownArguments, jobArguments]))
        if (text) rules.redactJson(parseJson(text), { of: 'arguments', jobClass, secrets });
    known.set(key, secrets);
    return secrets;
  };
  return rows.map((stored) => {
    const { backtrace, ownArguments: _own, jobArguments: _job, jobClass: _class, ...row } = stored;
    const secrets = secretsOf(stored);
    const excerpt = (text: string, shown: number) =>
      rules.excerpt(text, { read: shown + READ_BEYOND, shown, secrets });
    return {
      ...row,
      number: row.number === null ? null : Number(row.number),
      enqueuedAt: row.enqueuedAt && rules.redactText(row.enqueuedAt, secrets),
      error: row.error && excerpt(row.error, ERROR_SHOWN),
      errorEvent: ERROR_EVENTS[row.errorEvent ?? -1] ?? null,
      ...splitFrames((backtrace ?? []).map((frame) => excerpt(frame, FRAME_SHOWN))),
    };
  });
}

function splitFrames(frames: string[]): Pick<ExecutionRow, 'applicationFrames' | 'otherFrames'> {
  return {
    applicationFrames: frames.filter((frame) => !isLibraryFrame(frame)),
    otherFrames: frames.filter(isLibraryFrame),
  };
}

/** A job's raw JSON as GoodJob prints it, with `_good_job`; null when there is none. */
export async function getRawJob(ctx: Ctx, id: string): Promise<string | null> {
  const json = await ctx.db.read((tx) => rawJob(tx, ctx.gj, id));
  return json && prettyJson(shownRaw(json));
}

/** An execution's raw JSON, with `_good_job_execution`; null when there is none. */
export async function getRawExecution(ctx: Ctx, id: string): Promise<string | null> {
  const { json, ofJob } = await ctx.db.read(async (tx) => {
    const read = await rawExecution(tx, ctx.gj, id);
    const jobId = read && stringOf(get(get(read, '_good_job_execution') ?? read, 'active_job_id'));
    return { json: read, ofJob: jobId ? await rawJob(tx, ctx.gj, jobId) : null };
  });
  return json && prettyJson(shownRaw(json, ofJob));
}

/** What the job's own arguments hide is hidden in its attempts too. */
function shownRaw(json: Json, ofJob: Json | null = null): Json {
  const secrets = new SecretRegistry();
  const classOf = (one: Json) =>
    stringOf(get(one, 'job_class')) ??
    stringOf(get(get(one, '_good_job') ?? get(one, '_good_job_execution') ?? one, 'job_class')) ??
    null;
  if (ofJob) redaction().redactJson(ofJob, { of: 'payload', jobClass: classOf(ofJob), secrets });
  return redaction().redactJson(json, { of: 'payload', jobClass: classOf(json), secrets });
}
