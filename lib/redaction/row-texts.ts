import 'server-only';
import sql, { type Sql, raw } from 'sql-template-tag';
import { parseJson } from '../core/json-text';
import { TextBudget } from '../core/steps';
import { cut } from '../core/text';
import type { Tx } from '../db/database';
import { isLargeText, limitedJson, limitedText } from '../db/text-limit';
import { HIDDEN, redaction } from './redaction';
import { SecretRegistry } from './secret-registry';

/*
 * Errors of jobs outside of their lists (failures, attention). What a job's payload hides is hidden in its error too, so
 * both are read completely, or the error is hidden whole.
 */

/** Jobs whose texts one statement reads. */
const ROWS_PER_STATEMENT = 25;
const CLASS_BYTES = 300;

/** What one request may spend on texts of jobs and batches. */
export const newPageBudget = (): TextBudget =>
  new TextBudget({ maxBytes: 4 * 1024 * 1024, maxMs: 400 });

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
  tables: { jobs: Sql },
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
    for (const job of await readJobs(tx, tables, chunk)) {
      redacted.set(job.id, redactJob(job, budget));
      await budget.yieldIfDue();
    }
  }
  return redacted;
}

function readJobs(tx: Tx, tables: { jobs: Sql }, ids: string[]): Promise<StoredJob[]> {
  const { off } = redaction();
  return tx.query<StoredJob>(sql`
    SELECT j.id, left(j.job_class, ${CLASS_BYTES}) AS "jobClass",
           ${off ? sql`NULL::text` : limitedJson(sql`j.serialized_params`)} AS payload,
           ${off ? sql`false` : sql`j.serialized_params IS NOT NULL`} AS "hasPayload",
           ${limitedText(sql`j.error`)} AS error, ${isLargeText(sql`j.error`)} AS "isErrorLarge"
      FROM ${tables.jobs} j
     WHERE j.id = ANY(${ids}::uuid[])`);
}

function redactJob(job: StoredJob, budget: TextBudget): RedactedJob {
  const rules = redaction();
  const { payload, hasPayload, error, isErrorLarge, jobClass } = job;
  if (!budget.spend((payload?.length ?? 0) + (error?.length ?? 0))) return unreadJob(true);
  const secrets = new SecretRegistry();
  if (rules.off) return { error, tooLarge: false, secrets };
  const isPayloadLarge = hasPayload && payload === null;
  secrets.overflowed = isPayloadLarge || isErrorLarge;
  if (payload !== null) rules.redactJson(parseJson(payload), { of: 'payload', jobClass, secrets });
  return {
    error: isErrorLarge ? HIDDEN : error && rules.redactText(error, secrets),
    tooLarge: isPayloadLarge || isErrorLarge,
    secrets,
  };
}

/*
 * The description and the callbacks of a batch. What its properties hide is hidden in them too, so both are read
 * completely, or the texts are hidden whole.
 */

const MAX_CALLBACK_LENGTH = 500;
/** A name of a Ruby class repeats nothing of a batch's data; NULL is none. */
const CONSTANT = '^(::)?[A-Z][A-Za-z0-9_]*(::[A-Z][A-Za-z0-9_]*)*$';
const isConstant = (name: string) => new RegExp(CONSTANT).test(name);

/** A batch's texts as they are stored. */
export interface StoredBatchTexts {
  description: string | null;
  isDescriptionLarge: boolean;
  onFinish: string | null;
  onSuccess: string | null;
  onDiscard: string | null;
  /** Null where they were too large, or no text could repeat them. */
  properties: string | null;
  arePropertiesLarge: boolean;
}

/** The columns of StoredBatchTexts, of a batch with this alias. */
export function batchTextColumns(alias: 'j' | 'b'): Sql {
  const column = (name: string) => raw(`${alias}.${name}`);
  const callback = (name: string) => sql`left(${column(name)}, ${MAX_CALLBACK_LENGTH}::int)`;
  const callbacks = ['on_finish', 'on_success', 'on_discard'].map(callback);
  const hasFreeText = callbacks.reduce(
    (any, name) => sql`${any} OR coalesce(${name} !~ ${CONSTANT}, false)`,
    sql`coalesce(${column('description')} <> '', false)`,
  );
  const properties = column('serialized_properties');
  const text = sql`CASE WHEN ${hasFreeText} THEN ${limitedJson(properties)} END`;
  return sql`
    ${limitedText(column('description'))} AS description,
    ${isLargeText(column('description'))} AS "isDescriptionLarge",
    ${callbacks[0]} AS "onFinish", ${callbacks[1]} AS "onSuccess", ${callbacks[2]} AS "onDiscard",
    ${text} AS properties,
    ((${hasFreeText}) AND ${properties} IS NOT NULL AND ${text} IS NULL) AS "arePropertiesLarge"`;
}

export interface BatchTexts {
  description: string | null;
  onFinish: string | null;
  onSuccess: string | null;
  onDiscard: string | null;
  /** Some text was too large to be read, so those that could repeat it are hidden whole. */
  tooLarge: boolean;
}

/** The texts without what is hidden; the description is cut to `shown` characters. */
export function redactBatchTexts(
  stored: StoredBatchTexts,
  shown: number,
  budget: TextBudget,
): BatchTexts {
  const rules = redaction();
  const { description, isDescriptionLarge, properties, arePropertiesLarge } = stored;
  const fits = budget.spend((description?.length ?? 0) + (properties?.length ?? 0));
  const tooLarge = !rules.off && (!fits || isDescriptionLarge || arePropertiesLarge);
  const secrets = new SecretRegistry();
  secrets.overflowed = tooLarge;
  if (fits && properties !== null) rules.redactJson(parseJson(properties), { secrets });
  const text = (given: string | null) => given && rules.redactText(given, secrets);
  const callback = (given: string | null) =>
    given !== null && isConstant(given) ? rules.redactText(given) : text(given);
  const isUnread = !rules.off && description !== null && (!fits || isDescriptionLarge);
  return {
    description: isUnread ? HIDDEN : description && cut(text(description) ?? '', shown),
    onFinish: callback(stored.onFinish),
    onSuccess: callback(stored.onSuccess),
    onDiscard: callback(stored.onDiscard),
    tooLarge,
  };
}
