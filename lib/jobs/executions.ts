import 'server-only';
import sql, { type Sql } from 'sql-template-tag';
import type { TextBudget } from '../core/text-budget';
import type { Ctx } from '../ctx';
import { secondsBetween } from '../db/durations';
import { MAX_FULL_TEXT_BYTES, MAX_TEXT_BYTES } from '../db/text-limit';
import type { Tx } from '../db/types';
import { isLibraryFrame } from '../good-job/frames';
import { parseJsonInSteps } from '../good-job/json';
import { ERROR_EVENTS } from '../good-job/raw-rows';
import { HIDDEN, redaction } from '../redaction/redaction';
import { SecretRegistry, couldRepeatSecret } from '../redaction/secret-registry';
import { cut } from '../text';
import {
  BYTES_OF_ELEMENT,
  ERROR_SHOWN,
  type StoredTexts,
  argumentsText,
  customMembersText,
  newFullTextBudget,
  newJobBudget,
  redactCustomMembers,
  redactTexts,
  storedTextColumns,
  wholeArray,
  wholeText,
} from './job-texts';
import { EXECUTIONS_SHOWN, type ExecutionRow, type TooLarge } from './types';

const FRAMES_SHOWN = 200;
const FRAME_SHOWN = 500;

type StoredExecution = Omit<
  ExecutionRow,
  'applicationFrames' | 'otherFrames' | 'errorEvent' | 'number' | 'isCut' | 'tooLarge' | 'isWhole'
> & {
  number: string | null;
  errorEvent: number | null;
  errorBytes: number | null;
  /** Null: too large. */
  backtrace: (string | null)[] | null;
  backtraceBytes: number | null;
  /** Of an attempt with an error. '': too large. */
  arguments: string | null;
  /** The same, of the other members of its payload. */
  customMembers: string | null;
  storedBytes: number | null;
};

/**
 * The newest EXECUTIONS_SHOWN executions of a job, newest first. An attempt that GoodJob itself followed with
 * another (interrupted, retried) counts as retried also when the job was discarded later. `wholeId`: the execution
 * whose texts are read up to MAX_FULL_TEXT_BYTES, and not cut.
 */
export async function listExecutions(
  ctx: Ctx,
  jobId: string,
  { wholeId = null }: { wholeId?: string | null } = {},
): Promise<ExecutionRow[]> {
  const { job, rows, whole } = await ctx.db.read(async (tx) => {
    const [texts] = await tx.query<StoredTexts>(
      sql`SELECT ${storedTextColumns({ always: true })} FROM ${ctx.gj.jobs} j WHERE j.id = ${jobId}`,
    );
    return {
      job: texts,
      rows: await readExecutions(tx, ctx, sql`e.active_job_id = ${jobId}`, MAX_TEXT_BYTES),
      whole: wholeId
        ? await readExecutions(
            tx,
            ctx,
            sql`e.active_job_id = ${jobId} AND e.id = ${wholeId}`,
            MAX_FULL_TEXT_BYTES,
          )
        : [],
    };
  });
  const secrets = new SecretRegistry();
  if (job) await redactTexts(job, { budget: newFullTextBudget(), withArguments: true, secrets });
  const redactor = new ExecutionRedactor(secrets, job?.jobClass ?? null);
  const budget = newJobBudget();
  const read = rows.map((row) => whole.find(({ id }) => id === row.id) ?? row);
  const collected: { row: StoredExecution; tooLarge: TooLarge | null }[] = [];
  for (const row of read) {
    const own = row.id === whole[0]?.id ? newFullTextBudget() : budget;
    collected.push({ row, tooLarge: await redactor.collect(row, own) });
    await budget.yieldIfDue();
  }
  const shown: ExecutionRow[] = [];
  for (const { row, tooLarge } of collected) {
    shown.push(await redactor.redact(row, { tooLarge, isWhole: row.id === whole[0]?.id }));
    await budget.yieldIfDue();
  }
  return shown;
}

/** By index_good_job_executions_on_active_job_id_and_created_at. */
function readExecutions(
  tx: Tx,
  ctx: Ctx,
  where: Sql,
  maxBytes: number,
): Promise<StoredExecution[]> {
  const hasTexts = sql`(e.error <> '' OR e.error_backtrace IS NOT NULL)`;
  // Small keys of the payload: the arguments may be all of its size.
  const params = sql`(SELECT CASE WHEN pg_column_size(e.serialized_params) <= ${MAX_TEXT_BYTES} THEN e.serialized_params END)`;
  // A number of 12 bytes can have 131,072 digits: it is compared and rounded, and then printed.
  const executions = sql`(p.params -> 'executions')::numeric`;
  const number = sql`CASE WHEN abs(${executions}) < 1e15 THEN (round(${executions}, 3) + 1)::text END`;
  return tx.query<StoredExecution>(sql`
    SELECT e.id, CASE WHEN jsonb_typeof(p.params -> 'executions') = 'number' THEN ${number}
                WHEN jsonb_typeof(p.params) = 'object' THEN '1' END AS number,
           CASE WHEN e.finished_at IS NULL THEN 'running' WHEN e.error IS NULL THEN 'succeeded'
                WHEN e.error_event IN (0, 3) OR j.finished_at IS NULL THEN 'retried' ELSE 'discarded' END AS state,
           CASE jsonb_typeof(p.params -> 'enqueued_at') WHEN 'string' THEN left(p.params ->> 'enqueued_at', 40) END AS "enqueuedAt",
           e.created_at AS "createdAt", e.scheduled_at AS "scheduledAt", e.finished_at AS "finishedAt",
           ${secondsBetween(sql`e.scheduled_at`, sql`e.created_at`)} AS "queueWait",
           coalesce(extract(epoch FROM e.duration)::float8, ${secondsBetween(sql`e.created_at`, sql`e.finished_at`)}) AS "runTime",
           ${redaction().off ? sql`left(e.error, ${maxBytes}::int)` : wholeText(sql`e.error`, maxBytes)} AS error,
           octet_length(e.error) AS "errorBytes", e.error_event AS "errorEvent",
           ${wholeArray(sql`e.error_backtrace`, maxBytes)} AS backtrace, pg_column_size(e.error_backtrace) AS "backtraceBytes",
           e.process_id AS "processId", CASE WHEN ${hasTexts} THEN ${argumentsText(maxBytes, sql`e.serialized_params`)} END AS arguments,
           CASE WHEN ${hasTexts} THEN ${redaction().off ? sql`NULL::text` : customMembersText(maxBytes, sql`e.serialized_params`)} END AS "customMembers",
           pg_column_size(e.serialized_params) AS "storedBytes"
      FROM ${ctx.gj.executions} e JOIN ${ctx.gj.jobs} j ON j.id = e.active_job_id CROSS JOIN LATERAL (SELECT ${params} AS params) p
     WHERE ${where} ORDER BY e.created_at DESC, e.id DESC LIMIT ${EXECUTIONS_SHOWN}`);
}

/** The hidden values of a job and all its executions are hidden in each of them. */
class ExecutionRedactor {
  private readonly parsed = new Set<string>();

  constructor(
    private readonly secrets: SecretRegistry,
    private readonly jobClass: string | null,
  ) {}

  /** Adds what the execution hides. Returns why some of its text cannot be shown. */
  async collect(row: StoredExecution, budget: TextBudget): Promise<TooLarge | null> {
    const isNew = Boolean(row.arguments) && !this.parsed.has(row.arguments ?? '');
    const frames = row.backtrace ?? [];
    const isNewCustom = Boolean(row.customMembers) && !this.parsed.has(row.customMembers ?? '');
    const bytes =
      (row.error?.length ?? 0) +
      (isNewCustom ? (row.customMembers?.length ?? 0) : 0) +
      (isNew ? (row.arguments?.length ?? 0) : 0) +
      frames.reduce((sum, frame) => sum + BYTES_OF_ELEMENT + (frame?.length ?? 0), 0);
    if (!budget.spend(bytes)) return { part: 'page', bytes };
    const rules = redaction();
    if (row.arguments && isNew) {
      this.parsed.add(row.arguments);
      const { jobClass, secrets } = this;
      const json = await parseJsonInSteps(row.arguments, budget);
      await rules.redactJsonInSteps(json, { of: 'arguments', jobClass, secrets, budget });
    }
    if (row.customMembers && isNewCustom) {
      this.parsed.add(row.customMembers);
      await redactCustomMembers(row.customMembers, {
        secrets: this.secrets,
        jobClass: this.jobClass,
        budget,
      });
    }
    for (const text of [row.error, ...frames])
      if (text) await rules.redactTextInSteps(text, { secrets: this.secrets, budget });
    return unreadPart(row);
  }

  async redact(
    stored: StoredExecution,
    { tooLarge, isWhole }: { tooLarge: TooLarge | null; isWhole: boolean },
  ): Promise<ExecutionRow> {
    const {
      backtrace,
      backtraceBytes: _frames,
      errorBytes,
      arguments: _arguments,
      customMembers: _customMembers,
      storedBytes: _stored,
      ...row
    } = stored;
    const rules = redaction();
    const { secrets } = this;
    const text = async (given: string) =>
      tooLarge && !rules.off && couldRepeatSecret(given)
        ? HIDDEN
        : rules.redactTextInSteps(given, { secrets });
    const unreadError = tooLarge?.part === 'page' || (row.error === null && errorBytes !== null);
    const error =
      unreadError && errorBytes !== null ? HIDDEN : row.error && (await text(row.error));
    const all = tooLarge?.part === 'page' ? [] : (backtrace ?? []);
    const frames: string[] = [];
    for (const frame of all) if (frame !== null) frames.push(await text(frame));
    const shown = isWhole
      ? frames
      : frames.slice(0, FRAMES_SHOWN).map((frame) => cut(frame, FRAME_SHOWN));
    const isLonger =
      (error?.length ?? 0) > ERROR_SHOWN ||
      frames.length > FRAMES_SHOWN ||
      frames.some((frame) => frame.length > FRAME_SHOWN);
    return {
      ...row,
      number: row.number === null ? null : Number(row.number),
      enqueuedAt: row.enqueuedAt && (await text(row.enqueuedAt)),
      error: isWhole ? error : error && cut(error, ERROR_SHOWN),
      errorEvent: ERROR_EVENTS[row.errorEvent ?? -1] ?? null,
      isCut: !isWhole && isLonger,
      isWhole,
      ...(tooLarge ? { tooLarge } : {}),
      ...splitFrames(shown),
    };
  }
}

function unreadPart(row: StoredExecution): TooLarge | null {
  if (row.arguments === '' || row.customMembers === '')
    return { part: 'arguments', bytes: row.storedBytes ?? 0 };
  if (row.error === null && row.errorBytes !== null)
    return { part: 'error', bytes: row.errorBytes };
  return row.backtrace === null ? { part: 'backtrace', bytes: row.backtraceBytes } : null;
}

function splitFrames(frames: string[]): Pick<ExecutionRow, 'applicationFrames' | 'otherFrames'> {
  return {
    applicationFrames: frames.filter((frame) => !isLibraryFrame(frame)),
    otherFrames: frames.filter(isLibraryFrame),
  };
}
