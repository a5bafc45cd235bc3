import 'server-only';
import sql, { type Sql, raw } from 'sql-template-tag';
import { z } from 'zod';
import { parseJson, parseJsonInSteps } from '../core/json';
import { TextBudget } from '../core/steps';
import { truncateText } from '../core/text';
import type { Tx } from '../db/database';
import { isLargeText, limitedJson, limitedText } from '../db/text-limit';
import { REDACTION_MARKER, redaction } from './redaction';
import { SecretRegistry } from './secret-registry';

/*
 * Errors of jobs outside job lists (failures, attention). Values hidden in a job's payload are also
 * hidden in its error, so both are read completely, or the error is hidden whole.
 */

/** Jobs per SQL statement. */
const ROWS_PER_STATEMENT = 50;
const CLASS_BYTES = 300;

/** The budget of one request for texts of jobs and batches: 4 MB and 200 ms. */
export const newPageBudget = (): TextBudget =>
  new TextBudget({ maxBytes: 4 * 1024 * 1024, maxMs: 200 });

/** The error of one job, redacted. */
interface RedactedJob {
  /** Null: the job has no error. */
  error: string | null;
  /** The payload or the error was too large to read, so all texts of the job are hidden whole. */
  tooLarge: boolean;
  /** The registry to redact other texts of the same job with. */
  secrets: SecretRegistry;
}

/** A job whose texts are all hidden, because it was deleted or no budget was left to read it. */
export function redactWholeJob(tooLarge: boolean): RedactedJob {
  const secrets = new SecretRegistry();
  secrets.overflowed = true;
  return { error: REDACTION_MARKER, tooLarge, secrets };
}

/**
 * The redacted errors of these jobs by id, without jobs that do not exist. Reads `good_jobs_pkey`.
 */
export async function redactJobErrors(
  tx: Tx,
  tables: { jobs: Sql },
  ids: string[],
  budget: TextBudget,
): Promise<Map<string, RedactedJob>> {
  const redacted = new Map<string, RedactedJob>();
  for (let at = 0; at < ids.length; at += ROWS_PER_STATEMENT) {
    const chunk = ids.slice(at, at + ROWS_PER_STATEMENT);
    // Skips jobs only without bytes left: after the time limit, small texts are still read.
    if (budget.hasRejected && budget.remainingBytes === 0) {
      for (const id of chunk) redacted.set(id, redactWholeJob(true));
      continue;
    }
    for (const job of await budget.waitFor(readJobs(tx, tables, chunk))) {
      redacted.set(job.id, await redactJob(job, budget));
      await budget.yieldIfDue();
    }
  }
  return redacted;
}

/** The texts of a job as stored. */
const storedJob = z.strictObject({
  id: z.string(),
  jobClass: z.string().nullable(),
  /** Null if it was too large, or if redaction is off. */
  payload: z.string().nullable(),
  hasPayload: z.boolean(),
  error: z.string().nullable(),
  isErrorLarge: z.boolean(),
});
type StoredJob = z.infer<typeof storedJob>;

function readJobs(tx: Tx, tables: { jobs: Sql }, ids: string[]): Promise<StoredJob[]> {
  const { isOff } = redaction();
  return tx.query(
    storedJob,
    sql`
    SELECT j.id,
           left(j.job_class, ${CLASS_BYTES}) AS "jobClass",
           ${isOff ? sql`NULL::text` : limitedJson(sql`j.serialized_params`)} AS payload,
           ${isOff ? sql`false` : sql`j.serialized_params IS NOT NULL`} AS "hasPayload",
           ${limitedText(sql`j.error`)} AS error,
           ${isLargeText(sql`j.error`)} AS "isErrorLarge"
      FROM ${tables.jobs} j
     WHERE j.id = ANY(${ids}::uuid[])`,
  );
}

async function redactJob(job: StoredJob, budget: TextBudget): Promise<RedactedJob> {
  const rules = redaction();
  const { payload, hasPayload, error, isErrorLarge, jobClass } = job;
  if (!budget.spend((payload?.length ?? 0) + (error?.length ?? 0))) return redactWholeJob(true);
  const secrets = new SecretRegistry();
  if (rules.isOff) return { error, tooLarge: false, secrets };
  const isPayloadLarge = hasPayload && payload === null;
  secrets.overflowed = isPayloadLarge || isErrorLarge;
  if (payload !== null) {
    const json = await parseJsonInSteps(payload, budget);
    await rules.redactJsonInSteps(json, { kind: 'payload', jobClass, secrets, budget });
  }
  return {
    error: isErrorLarge
      ? REDACTION_MARKER
      : error && (await rules.redactTextInSteps(error, { secrets, budget })),
    tooLarge: isPayloadLarge || isErrorLarge,
    secrets,
  };
}

/*
 * The description and callbacks of a batch. Values hidden in its properties are also hidden in
 * them, so both are read completely, or the texts are hidden whole.
 */

const MAX_CALLBACK_LENGTH = 500;
/** A Ruby class name cannot repeat a value of the batch's properties. */
const CONSTANT = '^(::)?[A-Z][A-Za-z0-9_]*(::[A-Z][A-Za-z0-9_]*)*$';
const isConstant = (name: string) => new RegExp(CONSTANT).test(name);

/** The texts of a batch as stored, as `batchTextColumns` selects them. */
export const storedBatchTexts = z.strictObject({
  description: z.string().nullable(),
  isDescriptionLarge: z.boolean(),
  onFinish: z.string().nullable(),
  onSuccess: z.string().nullable(),
  onDiscard: z.string().nullable(),
  /** Null if they were too large, or no text of the batch could repeat them. */
  properties: z.string().nullable(),
  arePropertiesLarge: z.boolean(),
});
type StoredBatchTexts = z.infer<typeof storedBatchTexts>;

/** The SELECT list for `StoredBatchTexts`, from the batches table with this alias. */
export function batchTextColumns(alias: 'j' | 'b'): Sql {
  const column = (name: string) => raw(`${alias}.${name}`);
  const callback = (name: string) => sql`left(${column(name)}, ${MAX_CALLBACK_LENGTH}::int)`;
  const callbacks = ['on_finish', 'on_success', 'on_discard'].map(callback);
  const hasFreeText = callbacks.reduce(
    (condition, name) => sql`${condition} OR coalesce(${name} !~ ${CONSTANT}, false)`,
    sql`coalesce(${column('description')} <> '', false)`,
  );
  const properties = column('serialized_properties');
  const limitedProperties = sql`CASE WHEN ${hasFreeText} THEN ${limitedJson(properties)} END`;
  return sql`
    ${limitedText(column('description'))} AS description,
    ${isLargeText(column('description'))} AS "isDescriptionLarge",
    ${callbacks[0]} AS "onFinish",
    ${callbacks[1]} AS "onSuccess",
    ${callbacks[2]} AS "onDiscard",
    ${limitedProperties} AS properties,
    (
      (${hasFreeText})
      AND ${properties} IS NOT NULL
      AND ${limitedProperties} IS NULL
    ) AS "arePropertiesLarge"`;
}

/** The texts of a batch, redacted. */
interface BatchTexts {
  description: string | null;
  onFinish: string | null;
  onSuccess: string | null;
  onDiscard: string | null;
  /** A text was too large to read, so every text that could repeat it is hidden whole. */
  tooLarge: boolean;
}

/**
 * The redacted texts of a batch. The description is truncated to `maxDescriptionLength` characters.
 */
export function redactBatchTexts(
  stored: StoredBatchTexts,
  maxDescriptionLength: number,
  budget: TextBudget,
): BatchTexts {
  const rules = redaction();
  const { description, isDescriptionLarge, properties, arePropertiesLarge } = stored;
  const fits = budget.spend((description?.length ?? 0) + (properties?.length ?? 0));
  const tooLarge = !rules.isOff && (!fits || isDescriptionLarge || arePropertiesLarge);
  const secrets = new SecretRegistry();
  secrets.overflowed = tooLarge;
  if (fits && properties !== null) rules.redactJson(parseJson(properties), { secrets });
  const redactText = (text: string | null) => text && rules.redactText(text, secrets);
  const redactCallback = (name: string | null) =>
    name !== null && isConstant(name) ? rules.redactText(name) : redactText(name);
  const isUnread = !rules.isOff && description !== null && (!fits || isDescriptionLarge);
  return {
    description: isUnread
      ? REDACTION_MARKER
      : description && truncateText(redactText(description) ?? '', maxDescriptionLength),
    onFinish: redactCallback(stored.onFinish),
    onSuccess: redactCallback(stored.onSuccess),
    onDiscard: redactCallback(stored.onDiscard),
    tooLarge,
  };
}
