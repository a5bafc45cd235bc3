import 'server-only';
import sql, { type Sql } from 'sql-template-tag';
import { z } from 'zod';
import type { Ctx } from '../context/request-context';
import { parseJsonInSteps } from '../core/json';
import type { TextBudget } from '../core/steps';
import { truncateText } from '../core/text';
import type { Tx } from '../db/database';
import {
  MAX_FULL_TEXT_BYTES,
  MAX_TEXT_BYTES,
  finiteSeconds,
  limitedArray,
  secondsBetween,
} from '../db/text-limit';
import { isHeld } from '../good-job/locks';
import { isLibraryFrame } from '../good-job/payload';
import { ERROR_EVENTS } from '../good-job/raw-rows';
import type { GoodJobTables } from '../good-job/tables';
import { REDACTION_MARKER, redaction } from '../redaction/redaction';
import { SecretRegistry, couldRepeatSecret } from '../redaction/secret-registry';
import {
  ARRAY_ELEMENT_BYTES,
  MAX_ERROR_CHARS,
  argumentsText,
  customMembersText,
  newFullTextBudget,
  newJobBudget,
  redactCustomMembers,
  redactTexts,
  storedTextColumns,
  storedTexts,
  textWithinLimit,
} from './texts';
import {
  EXECUTIONS_PER_PAGE,
  EXECUTION_STATES,
  type ExecutionPage,
  type ExecutionRow,
  type TooLarge,
} from './types';

/** The payload of the execution `e`, or NULL if it is large. */
export const limitedParamsSql: Sql = sql`(
  CASE WHEN pg_column_size(e.serialized_params) <= ${MAX_TEXT_BYTES}
       THEN e.serialized_params END)`;

/**
 * Returns the number of an attempt from its payload. It is text, because a payload may hold any
 * number.
 */
export function executionNumber(params: Sql): Sql {
  const executions = sql`(${params} -> 'executions')::numeric`;
  // A number of 12 bytes can have 131,072 digits, so it is limited and rounded before it is
  // printed.
  return sql`
    CASE WHEN jsonb_typeof(${params} -> 'executions') = 'number'
         THEN CASE WHEN abs(${executions}) < 1e15 THEN (round(${executions}, 3) + 1)::text END
         WHEN jsonb_typeof(${params}) = 'object' THEN '1' END`;
}

/** Returns the enqueue time of an attempt from its payload, which is untrusted text. */
export const enqueuedAtOf = (params: Sql): Sql => sql`
  CASE jsonb_typeof(${params} -> 'enqueued_at')
       WHEN 'string' THEN left(${params} ->> 'enqueued_at', 40) END`;

const MAX_FRAMES = 200;
const MAX_FRAME_CHARS = 500;

const storedExecution = z.strictObject({
  id: z.string(),
  number: z.string().nullable(),
  state: z.enum(EXECUTION_STATES),
  enqueuedAt: z.string().nullable(),
  createdAt: z.string(),
  scheduledAt: z.string().nullable(),
  finishedAt: z.string().nullable(),
  queueWait: z.number().nullable(),
  runTime: z.number().nullable(),
  error: z.string().nullable(),
  errorBytes: z.number().nullable(),
  errorEvent: z.number().nullable(),
  /** Null if too large. */
  backtrace: z.array(z.string().nullable()).nullable(),
  backtraceBytes: z.number().nullable(),
  processId: z.string().nullable(),
  /** JSON text; '' if too large, null for an attempt without an error. */
  arguments: z.string().nullable(),
  /** See customMembersText; null for an attempt without an error. */
  customMembers: z.string().nullable(),
  storedBytes: z.number().nullable(),
});
type StoredExecution = z.infer<typeof storedExecution>;

interface ListOptions {
  /** Id of the execution that is read up to MAX_FULL_TEXT_BYTES and not truncated. */
  wholeId?: string | null;
  /** Id of the first execution of the page; null for the newest. */
  from?: string | null;
  /** Number of executions of the page. */
  limit?: number;
}

/**
 * Returns a page of executions of a job, with links to the adjacent pages and to the first failure.
 * A `from` that does not exist gives the first page.
 */
export async function getExecutionPage(
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

const linksRow = z.strictObject({
  /** Up to EXECUTIONS_SHOWN + 1 newer executions, oldest first. */
  newer: z.array(z.string()),
  older: z.string().nullable(),
  failedId: z.string().nullable(),
  failedNumber: z.string().nullable(),
});

async function readLinks(
  ctx: Ctx,
  jobId: string,
  from: string | null,
): Promise<Omit<ExecutionPage, 'rows'>> {
  const { executions } = ctx.tables;
  const [row] = await ctx.db.read((tx) =>
    tx.query(
      linksRow,
      sql`
        WITH start AS (
          SELECT s.created_at, s.id
            FROM ${executions} s
           WHERE s.active_job_id = ${jobId} AND s.id = ${from}::uuid),
        page AS (
          SELECT e.id, e.created_at
            FROM ${executions} e
           WHERE ${startsAt(ctx.tables, jobId, from)}
           ORDER BY e.created_at DESC, e.id DESC
           LIMIT ${EXECUTIONS_PER_PAGE + 1}),
        failed AS (
          SELECT e.id, ${executionNumber(limitedParamsSql)} AS number
            FROM ${executions} e
           WHERE e.active_job_id = ${jobId} AND e.error IS NOT NULL
           ORDER BY e.created_at, e.id
           LIMIT 1)
        SELECT ARRAY(
                 SELECT n.id
                   FROM ${executions} n, start
                  WHERE n.active_job_id = ${jobId}
                    AND (n.created_at, n.id) > (start.created_at, start.id)
                  ORDER BY n.created_at, n.id
                  LIMIT ${EXECUTIONS_PER_PAGE + 1}) AS newer,
               CASE WHEN (SELECT count(*) FROM page) > ${EXECUTIONS_PER_PAGE}
                    THEN (SELECT p.id FROM page p ORDER BY p.created_at, p.id LIMIT 1) END AS older,
               (SELECT id FROM failed) AS "failedId",
               (SELECT number FROM failed) AS "failedNumber"`,
    ),
  );
  if (!row) return { newer: null, older: null, firstFailure: null };
  const { newer, older, failedId, failedNumber } = row;
  // The URL of the newest page has no `from`.
  const newerFrom =
    newer.length > EXECUTIONS_PER_PAGE ? (newer[EXECUTIONS_PER_PAGE - 1] ?? null) : null;
  const number = failedNumber === null ? null : Number(failedNumber);
  return {
    newer: newer.length > 0 ? { from: newerFrom } : null,
    older: older === null ? null : { from: older },
    firstFailure: failedId === null ? null : { id: failedId, number },
  };
}

/** Returns a condition for the executions `e` of a job, from `from` on (newest first). */
function startsAt(tables: GoodJobTables, jobId: string, from: string | null): Sql {
  const all = sql`e.active_job_id = ${jobId}`;
  if (from === null) return all;
  const newest = sql`'infinity'::timestamp`;
  return sql`${all} AND (e.created_at, e.id) <= (
    coalesce(
      (SELECT s.created_at
         FROM ${tables.executions} s
        WHERE s.active_job_id = ${jobId} AND s.id = ${from}::uuid),
      ${newest}),
    ${from}::uuid)`;
}

/** Marks a running execution as interrupted if the worker of its job is lost. */
export function markLostExecution(rows: ExecutionRow[], lostWorker: boolean): ExecutionRow[] {
  return rows.map((row) =>
    lostWorker && row.state === 'running' ? { ...row, state: 'interrupted' } : row,
  );
}

/**
 * Returns up to EXECUTIONS_SHOWN redacted executions of a job, newest first. An attempt that
 * GoodJob retried is `retried` even if the job was discarded later.
 */
export async function listExecutions(
  ctx: Ctx,
  jobId: string,
  { wholeId = null, from = null, limit = EXECUTIONS_PER_PAGE }: ListOptions = {},
): Promise<ExecutionRow[]> {
  const { job, rows, whole } = await ctx.db.read(async (tx) => {
    const [jobTexts] = await tx.query(
      storedTexts,
      sql`
        SELECT ${storedTextColumns({ always: true })}
          FROM ${ctx.tables.jobs} j
         WHERE j.id = ${jobId}`,
    );
    return {
      job: jobTexts,
      rows: await readExecutions(tx, ctx, startsAt(ctx.tables, jobId, from), MAX_TEXT_BYTES, limit),
      whole: wholeId
        ? await readExecutions(
            tx,
            ctx,
            sql`e.active_job_id = ${jobId} AND e.id = ${wholeId}`,
            MAX_FULL_TEXT_BYTES,
            1,
          )
        : [],
    };
  });
  const secrets = new SecretRegistry();
  if (job) await redactTexts(job, { budget: newFullTextBudget(), withArguments: true, secrets });
  const redactor = new ExecutionRedactor(secrets, job?.jobClass ?? null);
  const budget = newJobBudget();
  // Secrets of all executions are collected before any of them is redacted.
  const collected: { row: StoredExecution; tooLarge: TooLarge | null; isWhole: boolean }[] = [];
  for (const listedRow of rows) {
    const wholeRow = whole.find(({ id }) => id === listedRow.id);
    const row = wholeRow ?? listedRow;
    const isWhole = wholeRow !== undefined;
    const tooLarge = await redactor.collect(row, isWhole ? newFullTextBudget() : budget);
    collected.push({ row, tooLarge, isWhole });
    await budget.yieldIfDue();
  }
  const redacted: ExecutionRow[] = [];
  for (const { row, tooLarge, isWhole } of collected) {
    redacted.push(await redactor.redact(row, { tooLarge, isWhole }));
    await budget.yieldIfDue();
  }
  return redacted;
}

/**
 * Whether an unfinished execution `e` may still run: it is the last one of its job `j`, and the job
 * is running or still held by its worker (a force-discarded job runs to its end).
 */
const mayStillRun = (tables: GoodJobTables): Sql => sql`
  NOT EXISTS (
    SELECT 1
      FROM ${tables.executions} n
     WHERE n.active_job_id = e.active_job_id AND (n.created_at, n.id) > (e.created_at, e.id))
  AND CASE WHEN j.finished_at IS NULL THEN j.performed_at IS NOT NULL ELSE ${isHeld(tables)} END`;

/** Uses index_good_job_executions_on_active_job_id_and_created_at. */
function readExecutions(
  tx: Tx,
  ctx: Ctx,
  where: Sql,
  maxBytes: number,
  limit: number,
): Promise<StoredExecution[]> {
  const hasTexts = sql`(e.error <> '' OR e.error_backtrace IS NOT NULL)`;
  const params = sql`e.serialized_params`;
  const { isOff: isUnredacted } = redaction();
  const error = isUnredacted
    ? sql`left(e.error, ${maxBytes}::int)`
    : textWithinLimit(sql`e.error`, maxBytes);
  const customMembers = isUnredacted ? sql`NULL::text` : customMembersText(maxBytes, params);
  return tx.query(
    storedExecution,
    sql`
      SELECT e.id, ${executionNumber(sql`p.params`)} AS number,
             CASE WHEN e.finished_at IS NULL
                  THEN CASE WHEN ${mayStillRun(ctx.tables)} THEN 'running' ELSE 'interrupted' END
                  WHEN e.error IS NULL THEN 'succeeded'
                  WHEN e.error_event IN (0, 3) OR j.finished_at IS NULL THEN 'retried'
                  ELSE 'discarded' END AS state,
             ${enqueuedAtOf(sql`p.params`)} AS "enqueuedAt",
             e.created_at AS "createdAt", e.scheduled_at AS "scheduledAt",
             e.finished_at AS "finishedAt",
             ${secondsBetween(sql`e.scheduled_at`, sql`e.created_at`)} AS "queueWait",
             coalesce(
               ${finiteSeconds(sql`e.duration`)},
               ${secondsBetween(sql`e.created_at`, sql`e.finished_at`)}) AS "runTime",
             ${error} AS error, octet_length(e.error) AS "errorBytes",
             e.error_event AS "errorEvent",
             ${limitedArray(sql`e.error_backtrace`, maxBytes)} AS backtrace,
             pg_column_size(e.error_backtrace) AS "backtraceBytes",
             e.process_id AS "processId",
             CASE WHEN ${hasTexts} THEN ${argumentsText(maxBytes, params)} END AS arguments,
             CASE WHEN ${hasTexts} THEN ${customMembers} END AS "customMembers",
             pg_column_size(e.serialized_params) AS "storedBytes"
        FROM ${ctx.tables.executions} e
        JOIN ${ctx.tables.jobs} j ON j.id = e.active_job_id
       CROSS JOIN LATERAL (SELECT ${limitedParamsSql} AS params) p
       WHERE ${where}
       ORDER BY e.created_at DESC, e.id DESC
       LIMIT ${limit}`,
  );
}

/** Redacts the secrets of a job and of all its executions in each execution. */
class ExecutionRedactor {
  private readonly parsed = new Set<string>();

  constructor(
    private readonly secrets: SecretRegistry,
    private readonly jobClass: string | null,
  ) {}

  /** Collects the secrets of an execution. Returns which of its texts was not read, or null. */
  async collect(row: StoredExecution, budget: TextBudget): Promise<TooLarge | null> {
    const isNew = Boolean(row.arguments) && !this.parsed.has(row.arguments ?? '');
    const frames = row.backtrace ?? [];
    const isNewCustom = Boolean(row.customMembers) && !this.parsed.has(row.customMembers ?? '');
    const bytes =
      (row.error?.length ?? 0) +
      (isNewCustom ? (row.customMembers?.length ?? 0) : 0) +
      (isNew ? (row.arguments?.length ?? 0) : 0) +
      frames.reduce((sum, frame) => sum + ARRAY_ELEMENT_BYTES + (frame?.length ?? 0), 0);
    if (!budget.spend(bytes)) return { part: 'page', bytes };
    const rules = redaction();
    if (row.arguments && isNew) {
      this.parsed.add(row.arguments);
      const { jobClass, secrets } = this;
      const json = await parseJsonInSteps(row.arguments, budget);
      await rules.redactJsonInSteps(json, { kind: 'arguments', jobClass, secrets, budget });
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
    const redactText = async (text: string) =>
      tooLarge && !rules.isOff && couldRepeatSecret(text)
        ? REDACTION_MARKER
        : rules.redactTextInSteps(text, { secrets });
    const unreadError = tooLarge?.part === 'page' || (row.error === null && errorBytes !== null);
    const error =
      unreadError && errorBytes !== null
        ? REDACTION_MARKER
        : row.error && (await redactText(row.error));
    const storedFrames = tooLarge?.part === 'page' ? [] : (backtrace ?? []);
    const frames: string[] = [];
    for (const frame of storedFrames) if (frame !== null) frames.push(await redactText(frame));
    const listedFrames = isWhole
      ? frames
      : frames.slice(0, MAX_FRAMES).map((frame) => truncateText(frame, MAX_FRAME_CHARS));
    const isLonger =
      (error?.length ?? 0) > MAX_ERROR_CHARS ||
      frames.length > MAX_FRAMES ||
      frames.some((frame) => frame.length > MAX_FRAME_CHARS);
    return {
      ...row,
      number: row.number === null ? null : Number(row.number),
      enqueuedAt: row.enqueuedAt && (await redactText(row.enqueuedAt)),
      error: isWhole ? error : error && truncateText(error, MAX_ERROR_CHARS),
      errorEvent: ERROR_EVENTS[row.errorEvent ?? -1] ?? null,
      isCut: !isWhole && isLonger,
      isWhole,
      ...(tooLarge ? { tooLarge } : {}),
      ...splitFrames(listedFrames),
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
