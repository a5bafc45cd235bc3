import 'server-only';
import sql, { type Sql, raw } from 'sql-template-tag';
import { z } from 'zod';
import { type Json, object, parseJsonInSteps, scalar } from '../core/json';
import { requestState } from '../core/process-state';
import { TextBudget } from '../core/steps';
import type { Tx } from '../db/database';
import {
  MAX_FULL_TEXT_BYTES,
  MAX_TEXT_BYTES,
  limitedArray,
  limitedJsonInMemory,
  maxStoredBytes,
} from '../db/text-limit';
import type { GoodJobTables } from '../good-job/tables';
import { REDACTION_MARKER, redaction } from '../redaction/redaction';
import { MIN_SECRET_LENGTH, SecretRegistry } from '../redaction/secret-registry';
import type { TooLarge } from './types';

/*
 * Reads the texts of a job in SQL (alias `j`) and redacts them. A text above the limit is not read
 * at all, because the unread part could mark a value in the read part as secret.
 */

/** Maximum size of a queue, class or key that is read. GoodJob's indexes allow less. */
const MAX_NAME_BYTES = 4_096;
/**
 * Bytes charged for an array element in addition to its text, because empty elements cost time too.
 */
export const ARRAY_ELEMENT_BYTES = 8;

/** Characters of an error that a job's page shows before "Show all". */
export const MAX_ERROR_CHARS = 8_000;

/** Returns the text budget of one request. */
export const newJobBudget = (): TextBudget => new TextBudget({ maxBytes: 3_000_000, maxMs: 500 });

/** Returns the budget of "Show all", where only MAX_FULL_TEXT_BYTES limits each text. */
export const newFullTextBudget = (): TextBudget =>
  new TextBudget({ maxBytes: Infinity, maxMs: Infinity });

/**
 * Returns the arguments as JSON text: NULL without arguments, '' above `maxBytes`. The stored size
 * of the payload is checked first, because `->` decompresses it.
 */
export function argumentsText(
  maxBytes = MAX_TEXT_BYTES,
  params: Sql = sql`j.serialized_params`,
): Sql {
  return sql`CASE WHEN pg_column_size(${params}) > ${maxStoredBytes(maxBytes)}::int THEN ''
    ELSE ${limitedJsonInMemory(sql`${params} -> 'arguments'`, maxBytes, sql`''`)} END`;
}

/** Members of a payload that Active Job and GoodJob write, as a Postgres array. */
const STANDARD_MEMBERS =
  '{arguments,job_class,job_id,provider_job_id,queue_name,priority,executions,' +
  'exception_executions,locale,timezone,enqueued_at,scheduled_at,good_job_concurrency_key,' +
  'good_job_labels,good_job_notify}';

/**
 * Returns the payload members that a job class added in `serialize`, as JSON text; a payload that
 * is not an object is returned unchanged. NULL without such members, '' above `maxBytes`.
 */
export function customMembersText(
  maxBytes = MAX_TEXT_BYTES,
  params: Sql = sql`j.serialized_params`,
): Sql {
  const custom = sql`CASE WHEN jsonb_typeof(${params}) = 'object'
    THEN ${params} - ${STANDARD_MEMBERS}::text[] ELSE ${params} END`;
  return sql`CASE WHEN pg_column_size(${params}) > ${maxStoredBytes(maxBytes)}::int THEN ''
    WHEN (${custom}) <> '{}' THEN ${limitedJsonInMemory(custom, maxBytes, sql`''`)} END`;
}

/** Returns a text, or NULL above `maxBytes`. */
export const textWithinLimit = (text: Sql, maxBytes = MAX_TEXT_BYTES): Sql =>
  sql`CASE WHEN octet_length(${text}) <= ${maxBytes}::int THEN ${text} END`;

const NAMES = ['job_class', 'queue_name', 'cron_key', 'concurrency_key'] as const;
const nameColumns = NAMES.map((name) => raw(`j.${name}`));
const isLargeName = (name: Sql) => sql`coalesce(octet_length(${name}) > ${MAX_NAME_BYTES}, false)`;
const hasLargeName = nameColumns
  .map(isLargeName)
  .reduce((any, condition) => sql`${any} OR ${condition}`);
const nameText = (name: Sql) => textWithinLimit(name, MAX_NAME_BYTES);

/** The stored texts of a job, before redaction. Texts above the limit are not read. */
export const storedTexts = z.strictObject({
  /** Truncated to MAX_NAME_BYTES characters. */
  jobClass: z.string().nullable(),
  queueName: z.string().nullable(),
  cronKey: z.string().nullable(),
  concurrencyKey: z.string().nullable(),
  hasLargeName: z.boolean(),
  /** Null if too large. */
  labels: z.array(z.string().nullable()).nullable(),
  /** Null without an error, and also if it is too large (`errorBytes` is set then). */
  error: z.string().nullable(),
  errorBytes: z.number().nullable(),
  /** JSON text; '' if too large. Null without arguments, or when redaction is off. */
  arguments: z.string().nullable(),
  /** See customMembersText; null when redaction is off. */
  customMembers: z.string().nullable(),
  /** Stored size of the payload. */
  storedBytes: z.number().nullable(),
});
export type StoredTexts = z.infer<typeof storedTexts>;

/** Returns the columns of StoredTexts. `always` reads the arguments even when redaction is off. */
export function storedTextColumns({ maxBytes = MAX_TEXT_BYTES, always = false } = {}): Sql {
  const error = redaction().isOff
    ? sql`left(j.error, ${maxBytes}::int)`
    : textWithinLimit(sql`j.error`, maxBytes);
  return sql`left(j.job_class, ${MAX_NAME_BYTES}) AS "jobClass",
    ${nameText(sql`j.queue_name`)} AS "queueName",
    ${nameText(sql`j.cron_key`)} AS "cronKey",
    ${nameText(sql`j.concurrency_key`)} AS "concurrencyKey",
    (${hasLargeName}) AS "hasLargeName",
    ${limitedArray(sql`j.labels`, maxBytes)} AS labels,
    ${error} AS error, octet_length(j.error) AS "errorBytes",
    ${redaction().isOff && !always ? sql`NULL::text` : argumentsText(maxBytes)} AS arguments,
    ${redaction().isOff ? sql`NULL::text` : customMembersText(maxBytes)} AS "customMembers",
    pg_column_size(j.serialized_params) AS "storedBytes"`;
}

/** The texts of a job after redaction. */
export interface RedactedTexts {
  jobClass: string | null;
  queueName: string | null;
  cronKey: string | null;
  concurrencyKey: string | null;
  labels: string[];
  error: string | null;
  /** Undefined if they were not read or not needed. */
  arguments: Json | undefined;
  tooLarge: TooLarge | null;
  /** Secrets of the job, to redact its other texts. */
  secrets: SecretRegistry;
}

/** Returns which text of a row was not read; null if all were. */
function tooLargePart(row: StoredTexts): TooLarge | null {
  if (row.arguments === '' || row.customMembers === '')
    return { part: 'arguments', bytes: row.storedBytes ?? 0 };
  if (row.error === null && row.errorBytes !== null)
    return { part: 'error', bytes: row.errorBytes };
  return row.labels === null || row.hasLargeName ? { part: 'names', bytes: null } : null;
}

const bytesOf = (row: StoredTexts) =>
  (row.arguments?.length ?? 0) +
  (row.customMembers?.length ?? 0) +
  (row.error?.length ?? 0) +
  (row.labels ?? []).reduce((sum, label) => sum + ARRAY_ELEMENT_BYTES + (label?.length ?? 0), 0);

interface RedactOptions {
  budget: TextBudget;
  marker?: string;
  /** Whether the redacted arguments are needed, and not only their secrets. */
  withArguments?: boolean;
  secrets?: SecretRegistry;
}

/**
 * Redacts the texts of one job, and yields to the event loop. A secret of one text is redacted in
 * all others; `secrets` is `overflowed` if a text was not read or did not fit the budget.
 */
export async function redactTexts(
  row: StoredTexts,
  {
    budget,
    marker = REDACTION_MARKER,
    withArguments = false,
    secrets = new SecretRegistry(),
  }: RedactOptions,
): Promise<RedactedTexts> {
  const bytes = bytesOf(row);
  const fits = budget.spend(bytes);
  const tooLarge: TooLarge | null = tooLargePart(row) ?? (fits ? null : { part: 'page', bytes });
  if (tooLarge) secrets.overflowed = true;
  const stored = fits
    ? row
    : { ...row, arguments: '', customMembers: null, error: null, labels: null };
  const hasUnreadError = stored.error === null && row.errorBytes !== null;
  const read = {
    queueName: stored.queueName,
    cronKey: stored.cronKey,
    concurrencyKey: stored.concurrencyKey,
    // An unread error is hidden completely.
    error: hasUnreadError ? marker : stored.error,
    labels: (stored.labels ?? []).filter((label) => label !== null),
  };
  const options = { jobClass: row.jobClass, secrets, marker, budget };
  await redactCustomMembers(stored.customMembers, options);
  const parsed =
    secrets.overflowed && !withArguments
      ? undefined
      : await parsedArguments(stored, read, withArguments, budget);
  const rules = redaction();
  const firstPass = await eachText(read, (text) => rules.redactTextInSteps(text, options));
  // The arguments come last, so that secrets of the other texts are redacted in them.
  const json = await redactArguments(parsed, options);
  const texts =
    secrets.size > 0 || secrets.overflowed
      ? await eachText(firstPass, (text) => rules.hideRepeatsInSteps(text, options))
      : firstPass;
  return {
    ...texts,
    jobClass: row.jobClass && redaction().redactText(row.jobClass, undefined, marker),
    arguments: json,
    tooLarge,
    secrets,
  };
}

type Texts = Pick<RedactedTexts, 'queueName' | 'cronKey' | 'concurrencyKey' | 'error' | 'labels'>;

interface StepOptions {
  jobClass: string | null;
  secrets: SecretRegistry;
  marker: string;
  budget: TextBudget;
}

/** Redacts the texts in order: secrets of earlier texts are redacted in later ones. */
async function eachText(texts: Texts, redact: (text: string) => Promise<string>): Promise<Texts> {
  const optional = async (text: string | null) => text && (await redact(text));
  const queueName = await optional(texts.queueName);
  const cronKey = await optional(texts.cronKey);
  const concurrencyKey = await optional(texts.concurrencyKey);
  const error = await optional(texts.error);
  const labels: string[] = [];
  for (const label of texts.labels) labels.push(await redact(label));
  return { queueName, cronKey, concurrencyKey, error, labels };
}

/**
 * Parses the arguments; undefined if they were not read or are not needed. Redaction rules of a
 * class cannot be applied when its name was truncated, so the arguments count as unread.
 */
async function parsedArguments(
  row: StoredTexts,
  { error, queueName, cronKey, concurrencyKey, labels }: Texts,
  withArguments: boolean,
  budget: TextBudget,
): Promise<Json | undefined> {
  const isClassCut = row.hasLargeName && (row.jobClass?.length ?? 0) >= MAX_NAME_BYTES;
  if (!row.arguments || isClassCut) return undefined;
  const isNeeded =
    withArguments ||
    (!redaction().isOff &&
      (error || mayRepeat([queueName, cronKey, concurrencyKey, ...labels], row.arguments)));
  return isNeeded ? parseJsonInSteps(row.arguments, budget) : undefined;
}

async function redactArguments(
  json: Json | undefined,
  options: StepOptions,
): Promise<Json | undefined> {
  return json && (await redaction().redactJsonInSteps(json, { kind: 'arguments', ...options }));
}

/** Adds the secrets of the custom members of a payload, which are not shown themselves. */
export async function redactCustomMembers(
  text: string | null,
  { secrets, budget, jobClass }: Omit<StepOptions, 'marker'>,
): Promise<void> {
  if (!text || secrets.overflowed) return;
  const json = await parseJsonInSteps(text, budget);
  await redaction().redactJsonInSteps(json, { kind: 'payload', jobClass, secrets, budget });
}

/** An escape, or as many hex or base64 characters as the shortest secret has when encoded. */
const MAY_BE_ENCODED = /[%&\\]|[0-9a-f]{8}|[A-Za-z0-9+/_-]{10}/i;
const HASH_BITS = 16;
const hashAt = (text: string, at: number): number =>
  (Math.imul(text.charCodeAt(at), 0x9e3779b1) ^
    Math.imul(text.charCodeAt(at + 1), 0x85ebca6b) ^
    Math.imul(text.charCodeAt(at + 2), 0xc2b2ae35) ^
    Math.imul(text.charCodeAt(at + 3), 0x27d4eb2f)) >>>
  (32 - HASH_BITS);

/**
 * Whether a name may repeat a secret of the arguments; if not, they need not be parsed. It compares
 * hashes of MIN_SECRET_LENGTH (4) characters. Always true for a name that may be an encoded value,
 * and for any name if the arguments contain `Basic` credentials.
 */
function mayRepeat(names: (string | null)[], stored: string): boolean {
  if (names.some((name) => name) && /\bbasic\b/i.test(stored)) return true;
  const grams = new Uint8Array(1 << HASH_BITS);
  let hasGram = false;
  for (const name of names) {
    if (name && MAY_BE_ENCODED.test(name)) return true;
    const own = name?.toLowerCase() ?? '';
    for (let n = 0; n + MIN_SECRET_LENGTH <= own.length; n += 1) {
      grams[hashAt(own, n)] = 1;
      hasGram = true;
    }
  }
  if (!hasGram) return false;
  const text = stored.toLowerCase();
  for (let n = 0; n + MIN_SECRET_LENGTH <= text.length; n += 1)
    if (grams[hashAt(text, n)] === 1) return true;
  return false;
}

/** Memory of an array element in addition to its text. */
const ELEMENT_BYTES = 8;

/** Returns the bytes of a text array, including its elements' overhead. */
export const arrayBytes = (array: Sql): Sql =>
  sql`(octet_length(array_to_string(${array}, ',', ''))
    + ${ELEMENT_BYTES} * cardinality(${array}))`;

/*
 * Converts the stored texts of a job (JSON) to the redacted row that a recheck matches again (an
 * input row of json_to_recordset).
 */

/**
 * Replaces a hidden value: no query can contain it, and jsonb prints it unescaped in any encoding.
 */
const MARKER = '\u007F';
/** Characters of stored rows whose redacted texts one request caches; a list reads fewer. */
const MAX_SHARED_CHARS = 3_000_000;

/** The JSON that Postgres prints for a row with these columns; `readAllTexts` also has `bytes`. */
const storedTextsJson = z.object(storedTexts.shape);

const wholeTextsRow = z.strictObject({
  bytes: z.number(),
  hasArguments: z.boolean(),
  /** JSON text of StoredTexts; null if they are too large. */
  stored: z.string().nullable(),
});

const RECHECK = {
  budget: new TextBudget({ maxBytes: Infinity, maxMs: Infinity }),
  marker: MARKER,
  withArguments: true,
};

/**
 * Returns the redacted texts of a row. A request that lists and counts the same rows redacts each
 * of them once.
 */
export function redactStored(stored: string): Promise<RedactedTexts> {
  const shared = requestState('rechecked rows', () => ({
    results: new Map<string, Promise<RedactedTexts>>(),
    chars: 0,
  }));
  const earlier = shared.results.get(stored);
  if (earlier) return earlier;
  // An export rechecks any number of rows in one request.
  if (shared.chars + stored.length > MAX_SHARED_CHARS) {
    shared.results.clear();
    shared.chars = 0;
  }
  const result = redactTexts(storedTextsJson.parse(JSON.parse(stored)), RECHECK);
  shared.results.set(stored, result);
  shared.chars += stored.length;
  return result;
}

/** All texts of a job as JSON text of StoredTexts. */
export interface WholeTexts {
  stored: string;
  hasArguments: boolean;
  bytes: number;
}

/**
 * Reads all texts of a job; null if one exceeds MAX_FULL_TEXT_BYTES or all together exceed
 * `maxBytes`.
 */
export async function readAllTexts(
  tx: Tx,
  tables: GoodJobTables,
  id: string,
  maxBytes: number,
): Promise<WholeTexts | null> {
  const [row] = await tx.query(
    wholeTextsRow,
    sql`
      SELECT t.bytes,
             t.arguments IS NOT NULL AS "hasArguments",
             CASE WHEN t.bytes <= ${Math.floor(maxBytes)}::bigint
                  THEN row_to_json(t)::text END AS stored
        FROM (SELECT t.*,
                     coalesce(octet_length(t.arguments), 0)
                       + coalesce(octet_length(t."customMembers"), 0)
                       + coalesce(octet_length(t.error), 0)
                       + coalesce(${arrayBytes(sql`t.labels`)}, 0) AS bytes
                FROM (SELECT ${storedTextColumns({ maxBytes: MAX_FULL_TEXT_BYTES })}
                        FROM ${tables.jobs} j
                       WHERE j.id = ${id}
                      OFFSET 0) t
              OFFSET 0) t`,
  );
  if (!row || row.stored === null) return null;
  return { stored: row.stored, hasArguments: row.hasArguments, bytes: row.bytes };
}

/** Returns a job as an input row of json_to_recordset. */
export function redactedRow(id: string, texts: RedactedTexts): Json {
  const text = (value: string | null): Json => scalar(value && toWellFormed(value));
  return object([
    ['id', scalar(id)],
    ['job_class', scalar(texts.jobClass)],
    ['queue_name', text(texts.queueName)],
    ['cron_key', text(texts.cronKey)],
    ['error', text(texts.error && texts.error.slice(0, MAX_TEXT_BYTES))],
    ['labels', { kind: 'array', items: texts.labels.map((label) => text(label)) }],
    [
      'serialized_params',
      texts.arguments ? object([['arguments', texts.arguments]]) : scalar(null),
    ],
  ]);
}

/** Replaces lone surrogates, which Postgres rejects. */
const toWellFormed = (text: string): string => Buffer.from(text).toString();
