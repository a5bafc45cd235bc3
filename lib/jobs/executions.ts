import 'server-only';
import sql, { type Sql } from 'sql-template-tag';
import type { Ctx } from '../context/types';
import { parseJsonInSteps } from '../core/json-text';
import type { TextBudget } from '../core/steps';
import { cut } from '../core/text';
import type { Tx } from '../db/database';
import {
  MAX_FULL_TEXT_BYTES,
  MAX_TEXT_BYTES,
  finiteSeconds,
  secondsBetween,
} from '../db/text-limit';
import { isHeld } from '../good-job/locks';
import { isLibraryFrame } from '../good-job/payload';
import { ERROR_EVENTS } from '../good-job/raw-rows';
import type { GoodJobTables } from '../good-job/tables';
import { HIDDEN, redaction } from '../redaction/redaction';
import { SecretRegistry, couldRepeatSecret } from '../redaction/secret-registry';
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
} from './texts';
import { EXECUTIONS_SHOWN, type ExecutionPage, type ExecutionRow, type TooLarge } from './types';

/** The payload of the execution `e`; null where it is large, because its arguments may be all of its size. */
export const smallParams: Sql = sql`(CASE WHEN pg_column_size(e.serialized_params) <= ${MAX_TEXT_BYTES} THEN e.serialized_params END)`;

/** The number of an attempt, from its payload. Text, because a payload may hold any number. */
export function executionNumber(params: Sql): Sql {
  const executions = sql`(${params} -> 'executions')::numeric`;
  // A number of 12 bytes can have 131,072 digits: it is compared and rounded, and then printed.
  return sql`CASE WHEN jsonb_typeof(${params} -> 'executions') = 'number'
                  THEN CASE WHEN abs(${executions}) < 1e15 THEN (round(${executions}, 3) + 1)::text END
                  WHEN jsonb_typeof(${params}) = 'object' THEN '1' END`;
}

/** When an attempt was enqueued, from its payload: untrusted text. */
export const enqueuedAtOf = (params: Sql): Sql =>
  sql`CASE jsonb_typeof(${params} -> 'enqueued_at') WHEN 'string' THEN left(${params} ->> 'enqueued_at', 40) END`;

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

interface ListOptions {
  /** The execution whose texts are read up to MAX_FULL_TEXT_BYTES, and not cut. */
  wholeId?: string | null;
  /** The first execution of the page; null: the newest one. */
  from?: string | null;
}

/**
 * One page of executions of a job with links to the pages beside it and to its first failure. A `from` that is no
 * execution of the job gives the first page.
 */
export async function pageOfExecutions(
  ctx: Ctx,
  jobId: string,
  { from = null, wholeId = null }: ListOptions = {},
): Promise<ExecutionPage> {
  const [links, rows] = await Promise.all([
    readLinks(ctx, jobId, from),
    listExecutions(ctx, jobId, { from, wholeId }),
  ]);
  return { rows, ...links };
}

/** What a page of executions leads to. */
async function readLinks(
  ctx: Ctx,
  jobId: string,
  from: string | null,
): Promise<Omit<ExecutionPage, 'rows'>> {
  const { executions } = ctx.tables;
  const [row] = await ctx.db.read((tx) =>
    tx.query<{
      newer: string[];
      older: string | null;
      failedId: string | null;
      failedNumber: string | null;
    }>(sql`
      WITH start AS (SELECT s.created_at, s.id FROM ${executions} s WHERE s.active_job_id = ${jobId} AND s.id = ${from}::uuid),
           page AS (SELECT e.id, e.created_at FROM ${executions} e WHERE ${startsAt(ctx.tables, jobId, from)}
                     ORDER BY e.created_at DESC, e.id DESC LIMIT ${EXECUTIONS_SHOWN + 1}),
           failed AS (SELECT e.id, ${executionNumber(smallParams)} AS number FROM ${executions} e
                       WHERE e.active_job_id = ${jobId} AND e.error IS NOT NULL ORDER BY e.created_at, e.id LIMIT 1)
      SELECT ARRAY(SELECT n.id FROM ${executions} n, start
                    WHERE n.active_job_id = ${jobId} AND (n.created_at, n.id) > (start.created_at, start.id)
                    ORDER BY n.created_at, n.id LIMIT ${EXECUTIONS_SHOWN + 1}) AS newer,
             CASE WHEN (SELECT count(*) FROM page) > ${EXECUTIONS_SHOWN}
                  THEN (SELECT p.id FROM page p ORDER BY p.created_at, p.id LIMIT 1) END AS older,
             (SELECT id FROM failed) AS "failedId", (SELECT number FROM failed) AS "failedNumber"`),
  );
  if (!row) return { newer: null, older: null, firstFailure: null };
  const { newer, older, failedId, failedNumber } = row;
  const hasNewerPages = newer.length > EXECUTIONS_SHOWN;
  return {
    // The page that begins with the newest execution has a URL without `from`.
    newer:
      newer.length > 0
        ? { from: hasNewerPages ? (newer[EXECUTIONS_SHOWN - 1] ?? null) : null }
        : null,
    older: older === null ? null : { from: older },
    firstFailure:
      failedId === null
        ? null
        : { id: failedId, number: failedNumber === null ? null : Number(failedNumber) },
  };
}

/** The executions `e` of the job, without those newer than `from`. */
function startsAt(tables: GoodJobTables, jobId: string, from: string | null): Sql {
  const all = sql`e.active_job_id = ${jobId}`;
  if (from === null) return all;
  const newest = sql`'infinity'::timestamp`;
  return sql`${all} AND (e.created_at, e.id) <= (
    coalesce((SELECT s.created_at FROM ${tables.executions} s WHERE s.active_job_id = ${jobId} AND s.id = ${from}::uuid), ${newest}), ${from}::uuid)`;
}

/** The executions, where the worker of their job is gone: none of them runs. */
export function markLostExecution(rows: ExecutionRow[], lostWorker: boolean): ExecutionRow[] {
  return rows.map((row) =>
    lostWorker && row.state === 'running' ? { ...row, state: 'interrupted' } : row,
  );
}

/**
 * EXECUTIONS_SHOWN executions of a job, newest first. An attempt that GoodJob itself followed with another
 * (interrupted, retried) counts as retried also when the job was discarded later.
 */
export async function listExecutions(
  ctx: Ctx,
  jobId: string,
  { wholeId = null, from = null }: ListOptions = {},
): Promise<ExecutionRow[]> {
  const { job, rows, whole } = await ctx.db.read(async (tx) => {
    const [texts] = await tx.query<StoredTexts>(
      sql`SELECT ${storedTextColumns({ always: true })} FROM ${ctx.tables.jobs} j WHERE j.id = ${jobId}`,
    );
    return {
      job: texts,
      rows: await readExecutions(tx, ctx, startsAt(ctx.tables, jobId, from), MAX_TEXT_BYTES),
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

/**
 * Whether an execution `e` without an end may still run: it is the last one of its job `j`, and the job is running or
 * its worker still holds it (a force-discarded job runs to its end).
 */
const mayStillRun = (tables: GoodJobTables): Sql => sql`
  NOT EXISTS (SELECT 1 FROM ${tables.executions} n WHERE n.active_job_id = e.active_job_id AND (n.created_at, n.id) > (e.created_at, e.id))
  AND CASE WHEN j.finished_at IS NULL THEN j.performed_at IS NOT NULL ELSE ${isHeld(tables)} END`;

/** By index_good_job_executions_on_active_job_id_and_created_at. */
function readExecutions(
  tx: Tx,
  ctx: Ctx,
  where: Sql,
  maxBytes: number,
): Promise<StoredExecution[]> {
  const hasTexts = sql`(e.error <> '' OR e.error_backtrace IS NOT NULL)`;
  return tx.query<StoredExecution>(sql`
    SELECT e.id, ${executionNumber(sql`p.params`)} AS number,
           CASE WHEN e.finished_at IS NULL THEN CASE WHEN ${mayStillRun(ctx.tables)} THEN 'running' ELSE 'interrupted' END
                WHEN e.error IS NULL THEN 'succeeded'
                WHEN e.error_event IN (0, 3) OR j.finished_at IS NULL THEN 'retried' ELSE 'discarded' END AS state,
           ${enqueuedAtOf(sql`p.params`)} AS "enqueuedAt",
           e.created_at AS "createdAt", e.scheduled_at AS "scheduledAt", e.finished_at AS "finishedAt",
           ${secondsBetween(sql`e.scheduled_at`, sql`e.created_at`)} AS "queueWait",
           coalesce(${finiteSeconds(sql`e.duration`)}, ${secondsBetween(sql`e.created_at`, sql`e.finished_at`)}) AS "runTime",
           ${redaction().off ? sql`left(e.error, ${maxBytes}::int)` : wholeText(sql`e.error`, maxBytes)} AS error,
           octet_length(e.error) AS "errorBytes", e.error_event AS "errorEvent",
           ${wholeArray(sql`e.error_backtrace`, maxBytes)} AS backtrace, pg_column_size(e.error_backtrace) AS "backtraceBytes",
           e.process_id AS "processId", CASE WHEN ${hasTexts} THEN ${argumentsText(maxBytes, sql`e.serialized_params`)} END AS arguments,
           CASE WHEN ${hasTexts} THEN ${redaction().off ? sql`NULL::text` : customMembersText(maxBytes, sql`e.serialized_params`)} END AS "customMembers",
           pg_column_size(e.serialized_params) AS "storedBytes"
      FROM ${ctx.tables.executions} e JOIN ${ctx.tables.jobs} j ON j.id = e.active_job_id CROSS JOIN LATERAL (SELECT ${smallParams} AS params) p
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
