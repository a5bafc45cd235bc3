import 'server-only';
import sql from 'sql-template-tag';
import { TextBudget } from '../core/text-budget';
import { isLargeText, limitedJson, limitedText } from '../db/text-limit';
import type { Tx } from '../db/types';
import { parseJsonInSteps } from '../good-job/json';
import type { GoodJob } from '../good-job/tables';
import { HIDDEN, redaction } from './redaction';
import { SecretRegistry } from './secret-registry';

/*
 * Errors of jobs outside of their lists (failures, attention). What a job's payload hides is hidden in its error too, so
 * both are read completely, or the error is hidden whole.
 */

/** Jobs whose texts one statement reads. */
const ROWS_PER_STATEMENT = 50;
const CLASS_BYTES = 300;

/** What one request may spend on texts of jobs and batches. */
export const newPageBudget = (): TextBudget =>
  new TextBudget({ maxBytes: 4 * 1024 * 1024, maxMs: 200 });

/** What is shown of one job's error. */
export interface RedactedJob {
  /** Null: it has none. */
  error: string | null;
  /** The payload or the error was too large to be read, so texts of the job are hidden whole. */
  tooLarge: boolean;
  /** For other texts of the same job. */
  secrets: SecretRegistry;
}

interface StoredJob {
  id: string;
  jobClass: string | null;
  payload: string | null;
  hasPayload: boolean;
  error: string | null;
  isErrorLarge: boolean;
}

/** A job of which nothing is known: it was deleted, or there was no budget to read it. */
export function unreadJob(tooLarge: boolean): RedactedJob {
  const secrets = new SecretRegistry();
  secrets.overflowed = true;
  return { error: HIDDEN, tooLarge, secrets };
}

/** The errors of these jobs, by id; jobs that are not in the table are not in the result. good_jobs_pkey. */
export async function redactJobErrors(
  tx: Tx,
  gj: GoodJob,
  ids: string[],
  budget: TextBudget,
): Promise<Map<string, RedactedJob>> {
  const redacted = new Map<string, RedactedJob>();
  for (let at = 0; at < ids.length; at += ROWS_PER_STATEMENT) {
    const chunk = ids.slice(at, at + ROWS_PER_STATEMENT);
    if (budget.remainingBytes === 0) {
      for (const id of chunk) redacted.set(id, unreadJob(true));
      continue;
    }
    for (const job of await readJobs(tx, gj, chunk)) {
      redacted.set(job.id, await redactJob(job, budget));
      await budget.yieldIfDue();
    }
  }
  return redacted;
}

function readJobs(tx: Tx, gj: GoodJob, ids: string[]): Promise<StoredJob[]> {
  const { off } = redaction();
  return tx.query<StoredJob>(sql`
    SELECT j.id, left(j.job_class, ${CLASS_BYTES}) AS "jobClass",
           ${off ? sql`NULL::text` : limitedJson(sql`j.serialized_params`)} AS payload,
           ${off ? sql`false` : sql`j.serialized_params IS NOT NULL`} AS "hasPayload",
           ${limitedText(sql`j.error`)} AS error, ${isLargeText(sql`j.error`)} AS "isErrorLarge"
      FROM ${gj.jobs} j
     WHERE j.id = ANY(${ids}::uuid[])`);
}

async function redactJob(job: StoredJob, budget: TextBudget): Promise<RedactedJob> {
  const rules = redaction();
  const { payload, hasPayload, error, isErrorLarge, jobClass } = job;
  if (!budget.spend((payload?.length ?? 0) + (error?.length ?? 0))) return unreadJob(true);
  const secrets = new SecretRegistry();
  if (rules.off) return { error, tooLarge: false, secrets };
  const isPayloadLarge = hasPayload && payload === null;
  secrets.overflowed = isPayloadLarge || isErrorLarge;
  if (payload !== null) {
    const json = await parseJsonInSteps(payload, budget);
    await rules.redactJsonInSteps(json, { of: 'payload', jobClass, secrets, budget });
  }
  return {
    error: isErrorLarge
      ? HIDDEN
      : error && (await rules.redactTextInSteps(error, { secrets, budget })),
    tooLarge: isPayloadLarge || isErrorLarge,
    secrets,
  };
}
