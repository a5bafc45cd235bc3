import 'server-only';
import sql, { type Sql, raw } from 'sql-template-tag';
import type { Json } from '../core/json';
import { parseJsonInSteps } from '../core/json-text';
import { TextBudget } from '../core/steps';
import {
  MAX_TEXT_BYTES,
  limitedArray,
  limitedJsonInMemory,
  maxStoredBytes,
} from '../db/text-limit';
import { HIDDEN, redaction } from '../redaction/redaction';
import { SHORTEST, SecretRegistry } from '../redaction/secret-registry';
import type { TooLarge } from './types';

/*
 * The texts of a job in SQL (alias `j`) and in JavaScript. A text that is larger than the limit is not read at all: a
 * part of it could hold a value that another part says is hidden.
 */

/** Bytes of a queue, class or key that are read. An index of GoodJob holds fewer. */
const MAX_NAME_BYTES = 4_096;
/** An element of an array costs time even when it is empty. */
export const BYTES_OF_ELEMENT = 8;

/** Characters of an error that the page of a job shows at first. */
export const ERROR_SHOWN = 8_000;

/** What one request may spend on the texts of its jobs. */
export const newJobBudget = (): TextBudget => new TextBudget({ maxBytes: 3_000_000, maxMs: 500 });

/** "Show all" has no other bound than MAX_FULL_TEXT_BYTES for each text. */
export const newFullTextBudget = (): TextBudget =>
  new TextBudget({ maxBytes: Infinity, maxMs: Infinity });

/**
 * The arguments as text: NULL where there are none, '' (which is not JSON) where they are larger than `maxBytes`. The
 * stored size of the whole payload is judged first, for the arrow decompresses it.
 */
export function argumentsText(
  maxBytes = MAX_TEXT_BYTES,
  params: Sql = sql`j.serialized_params`,
): Sql {
  return sql`CASE WHEN pg_column_size(${params}) > ${maxStoredBytes(maxBytes)}::int THEN ''
    ELSE ${limitedJsonInMemory(sql`${params} -> 'arguments'`, maxBytes, sql`''`)} END`;
}

/** Members of a payload that Active Job and GoodJob write. */
const KNOWN_MEMBERS = `{arguments,job_class,job_id,provider_job_id,queue_name,priority,executions,exception_executions,locale,timezone,enqueued_at,scheduled_at,good_job_concurrency_key,good_job_labels,good_job_notify}`;

/**
 * The members of the payload that only the application knows (`serialize` of a job class), as JSON text; a payload
 * that is no object is all its own. NULL where there are none, as of nearly all jobs; '' where they are too large.
 */
export function customMembersText(
  maxBytes = MAX_TEXT_BYTES,
  params: Sql = sql`j.serialized_params`,
): Sql {
  const custom = sql`CASE WHEN jsonb_typeof(${params}) = 'object' THEN ${params} - ${KNOWN_MEMBERS}::text[] ELSE ${params} END`;
  return sql`CASE WHEN pg_column_size(${params}) > ${maxStoredBytes(maxBytes)}::int THEN ''
    WHEN (${custom}) <> '{}' THEN ${limitedJsonInMemory(custom, maxBytes, sql`''`)} END`;
}

/** A text, or NULL where it is larger than `maxBytes`. */
export const wholeText = (text: Sql, maxBytes = MAX_TEXT_BYTES): Sql =>
  sql`CASE WHEN octet_length(${text}) <= ${maxBytes}::int THEN ${text} END`;

export { limitedArray as wholeArray };

const NAMES = ['job_class', 'queue_name', 'cron_key', 'concurrency_key'] as const;
const nameColumns = NAMES.map((name) => raw(`j.${name}`));
const isLargeName = (name: Sql) => sql`coalesce(octet_length(${name}) > ${MAX_NAME_BYTES}, false)`;
const hasLargeName = nameColumns
  .map(isLargeName)
  .reduce((any, condition) => sql`${any} OR ${condition}`);
const nameText = (name: Sql) => wholeText(name, MAX_NAME_BYTES);

/** The texts of a job as they are stored; what is too large was not read. */
export interface StoredTexts {
  /** Cut to MAX_NAME_BYTES characters. */
  jobClass: string | null;
  queueName: string | null;
  cronKey: string | null;
  concurrencyKey: string | null;
  hasLargeName: boolean;
  /** Null: too large. */
  labels: (string | null)[] | null;
  /** Null also where it is too large (`errorBytes`). */
  error: string | null;
  errorBytes: number | null;
  /** JSON text; '': too large. Null where there are none, or nothing is redacted. */
  arguments: string | null;
  /** customMembersText; NULL where nothing is redacted. */
  customMembers: string | null;
  /** Stored bytes of the payload. */
  storedBytes: number | null;
}

/** The columns of StoredTexts. `always`: the arguments are read even when redaction is off. */
export function storedTextColumns({ maxBytes = MAX_TEXT_BYTES, always = false } = {}): Sql {
  return sql`left(j.job_class, ${MAX_NAME_BYTES}) AS "jobClass", ${nameText(sql`j.queue_name`)} AS "queueName",
    ${nameText(sql`j.cron_key`)} AS "cronKey", ${nameText(sql`j.concurrency_key`)} AS "concurrencyKey",
    (${hasLargeName}) AS "hasLargeName", ${limitedArray(sql`j.labels`, maxBytes)} AS labels,
    ${redaction().off ? sql`left(j.error, ${maxBytes}::int)` : wholeText(sql`j.error`, maxBytes)} AS error, octet_length(j.error) AS "errorBytes",
    ${redaction().off && !always ? sql`NULL::text` : argumentsText(maxBytes)} AS arguments,
    ${redaction().off ? sql`NULL::text` : customMembersText(maxBytes)} AS "customMembers",
    pg_column_size(j.serialized_params) AS "storedBytes"`;
}

/** The same texts without what is hidden. */
export interface RedactedTexts {
  jobClass: string | null;
  queueName: string | null;
  cronKey: string | null;
  concurrencyKey: string | null;
  labels: string[];
  error: string | null;
  /** Undefined where they were not read, or not needed. */
  arguments: Json | undefined;
  tooLarge: TooLarge | null;
  /** Hidden values of the job, for other texts of it. */
  secrets: SecretRegistry;
}

/** Why some text of a row was not read; null: all of it was. */
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
  (row.labels ?? []).reduce((sum, label) => sum + BYTES_OF_ELEMENT + (label?.length ?? 0), 0);

interface RedactOptions {
  budget: TextBudget;
  marker?: string;
  /** Whether the arguments themselves are needed, or only what they hide. */
  withArguments?: boolean;
  secrets?: SecretRegistry;
}

/**
 * Redacts the texts of one job, in steps that let other requests run. What a text hides is hidden in all others, whichever comes first. A row that was not read completely, or does not fit into the budget, has `overflowed` secrets.
 */
export async function redactTexts(
  row: StoredTexts,
  { budget, marker = HIDDEN, withArguments = false, secrets = new SecretRegistry() }: RedactOptions,
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
    // Nothing of a text that was not read is shown, whatever its length.
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
  const once = await eachText(read, (text) => rules.redactTextInSteps(text, options));
  // They come last, so what the texts hide is hidden in them.
  const json = await redactArguments(parsed, options);
  const texts =
    secrets.size > 0 || secrets.overflowed
      ? await eachText(once, (text) => rules.hideRepeatsInSteps(text, options))
      : once;
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

/** One text after the other: what an earlier one hides is hidden in the later ones. */
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

/** Undefined: not read, or nothing needs them. Rules of the class do not apply to a class whose name was cut. */
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
    (!redaction().off &&
      (error || mayRepeat([queueName, cronKey, concurrencyKey, ...labels], row.arguments)));
  return isNeeded ? parseJsonInSteps(row.arguments, budget) : undefined;
}

async function redactArguments(
  json: Json | undefined,
  options: StepOptions,
): Promise<Json | undefined> {
  return json && (await redaction().redactJsonInSteps(json, { of: 'arguments', ...options }));
}

/** Adds what members of a payload hide that are not shown. */
export async function redactCustomMembers(
  text: string | null,
  { secrets, budget, jobClass }: Omit<StepOptions, 'marker'>,
): Promise<void> {
  if (!text || secrets.overflowed) return;
  const json = await parseJsonInSteps(text, budget);
  await redaction().redactJsonInSteps(json, { of: 'payload', jobClass, secrets, budget });
}

/** An escape, or as many characters as the shortest value has in hex or in base64. */
const MAY_BE_ENCODED = /[%&\\]|[0-9a-f]{8}|[A-Za-z0-9+/_-]{10}/i;
const HASH_BITS = 16;
const hashAt = (text: string, at: number): number =>
  (Math.imul(text.charCodeAt(at), 0x9e3779b1) ^
    Math.imul(text.charCodeAt(at + 1), 0x85ebca6b) ^
    Math.imul(text.charCodeAt(at + 2), 0xc2b2ae35) ^
    Math.imul(text.charCodeAt(at + 3), 0x27d4eb2f)) >>>
  (32 - HASH_BITS);

/**
 * Whether a name has so much in common with the arguments that it may repeat a value of them: most names have not, and
 * then the arguments need not be parsed. One pass over each text, by hashes of SHORTEST (4) characters. A name that
 * could hold an encoded value shares no character with it, and always may; so may any beside `Basic` credentials.
 */
function mayRepeat(names: (string | null)[], stored: string): boolean {
  if (names.some((name) => name) && /\bbasic\b/i.test(stored)) return true;
  const grams = new Uint8Array(1 << HASH_BITS);
  let hasGram = false;
  for (const name of names) {
    if (name && MAY_BE_ENCODED.test(name)) return true;
    const own = name?.toLowerCase() ?? '';
    for (let n = 0; n + SHORTEST <= own.length; n += 1) {
      grams[hashAt(own, n)] = 1;
      hasGram = true;
    }
  }
  if (!hasGram) return false;
  const text = stored.toLowerCase();
  for (let n = 0; n + SHORTEST <= text.length; n += 1)
    if (grams[hashAt(text, n)] === 1) return true;
  return false;
}
