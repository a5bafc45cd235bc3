import { readFileSync, statSync } from 'node:fs';
import { type ScalarTag, type Tags, parseDocument } from 'yaml';
import { isTimestamp } from '../core/text';
import type { CronJob } from '../good-job/enqueue';

/** A Ruby symbol: in YAML, an unquoted `:name`. */
class RubySymbol {
  constructor(readonly name: string) {}
}

/** A parsed YAML 1.1 value. Integers are bigint, so a `number` is always a float in Ruby. */
type Value =
  null | boolean | string | number | bigint | Date | RubySymbol | Value[] | Map<Value, Value>;

/**
 * Serializes positional and keyword arguments as `ActiveJob::Arguments.serialize` does and returns
 * a JSON array as text; null: Active Job cannot serialize them. Keys become symbols at every depth,
 * because Rails' `config_for` and GOOD_JOB_CRON symbolize them.
 */
function activeJobArguments(args: Value, kwargs: Value): string | null {
  try {
    const items = toArray(args).map(serialize);
    if (kwargs instanceof Map && kwargs.size > 0)
      items.push(serializeHash(kwargs, '_aj_ruby2_keywords'));
    return `[${items.join(', ')}]`;
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  }
}

/** Converts like Ruby's `Array()`. */
function toArray(value: Value): Value[] {
  if (value === null) return [];
  return Array.isArray(value) ? value : [value];
}

/**
 * Returns the name of the symbol that `deep_symbolize_keys` converts a key to; null: it is not a
 * string or symbol.
 */
function keyName(key: Value): string | null {
  if (key instanceof RubySymbol) return key.name;
  return typeof key === 'string' ? key : null;
}

function serialize(value: Value): string {
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'number') return serializeNumber(value);
  if (typeof value === 'string') return JSON.stringify(value);
  if (value instanceof RubySymbol) return serializeSymbol(value);
  if (Array.isArray(value)) return `[${value.map(serialize).join(', ')}]`;
  if (value instanceof Map) return serializeHash(value, '_aj_symbol_keys');
  throw new TypeError('Active Job cannot serialize this value.');
}

function serializeSymbol({ name }: RubySymbol): string {
  const serializer = '"_aj_serialized": "ActiveJob::Serializers::SymbolSerializer"';
  return `{${serializer}, "value": ${JSON.stringify(name)}}`;
}

/** A float keeps its decimal point: Ruby distinguishes 1.0 from 1. */
function serializeNumber(value: number): string {
  if (!Number.isFinite(value)) throw new TypeError('JSON cannot represent this number.');
  return Number.isInteger(value) && !String(value).includes('e') ? `${value}.0` : String(value);
}

const RESERVED = /^_aj_/;

function serializeHash(
  map: Map<Value, Value>,
  marker: '_aj_symbol_keys' | '_aj_ruby2_keywords',
): string {
  // Symbolizing maps `id` and `:id` to one key; the last value wins.
  const values = new Map<string, string>();
  for (const [key, value] of map) {
    const name = keyName(key);
    if (name === null) throw new TypeError('Only strings and symbols can be keys.');
    if (RESERVED.test(name)) throw new TypeError('Active Job reserves keys that begin with _aj_.');
    values.set(name, serialize(value));
  }
  const entries = [...values].map(([name, value]) => `${JSON.stringify(name)}: ${value}`);
  const keyList = `${JSON.stringify(marker)}: ${JSON.stringify([...values.keys()])}`;
  return `{${[...entries, keyList].join(', ')}}`;
}

type SetOptions = Omit<CronJob, 'jobClass' | 'arguments'>;

/** An option has a type that Active Job or GoodJob rejects. */
class BadOption extends Error {}

/**
 * Returns the options of `ActiveJob::Core::ClassMethods#set` that Active Job and GoodJob support,
 * converted as they convert them; null: an option has a wrong type.
 */
function readSet(set: Value): SetOptions | null {
  if (set !== null && !(set instanceof Map)) return null;
  const options = new Map([...(set ?? [])].map(([name, value]) => [keyName(name), value]));
  const get = (name: string) => options.get(name) ?? null;
  try {
    return {
      queue: readQueue(get('queue')),
      priority: readPriority(get('priority')),
      labels: options.has('good_job_labels') ? readLabels(get('good_job_labels')) : null,
      concurrencyKey: readText(get('good_job_concurrency_key')),
      waitSeconds: readWait(get('wait')),
      waitUntil: readTimestamp(get('wait_until')),
      notify: readNotify(get('good_job_notify')),
    };
  } catch (error) {
    if (error instanceof BadOption) return null;
    throw error;
  }
}

function readText(value: Value): string | null {
  if (value === null || typeof value === 'string') return value;
  throw new BadOption();
}

/** `queue_name_from_part` joins the queue into a string, so symbols and integers are valid. */
function readQueue(value: Value): string | null {
  if (value instanceof RubySymbol) return value.name;
  return typeof value === 'bigint' ? String(value) : readText(value);
}

/** Converts like Ruby's `to_i`, but rejects a string without a number, which `to_i` reads as 0. */
function readPriority(value: Value): number | null {
  if (value === null || value === false) return null;
  const text =
    typeof value === 'string'
      ? /^\s*([+-]?\d+(?:_\d+)*)/.exec(value)?.[1]?.replaceAll('_', '')
      : undefined;
  const priority = text === undefined ? value : Number(text);
  if (typeof priority !== 'bigint' && typeof priority !== 'number') throw new BadOption();
  const whole = Math.trunc(Number(priority));
  if (!(whole >= -2147483648 && whole <= 2147483647)) throw new BadOption();
  // `+ 0` turns -0 into 0.
  return whole + 0;
}

/**
 * Converts like `Array(labels)` and `to_s`, without blanks and duplicates. 'none' means that the
 * job has no labels, not even those of its class.
 */
function readLabels(value: Value): SetOptions['labels'] {
  const texts = toArray(value).map((label) => {
    if (label === null || label === false) return '';
    if (label instanceof RubySymbol) return label.name;
    if (typeof label === 'number') return Number.isInteger(label) ? `${label}.0` : String(label);
    if (typeof label === 'string' || typeof label === 'bigint' || label === true)
      return String(label);
    throw new BadOption();
  });
  const unique = [...new Set(texts.map((text) => text.trim()).filter((text) => text !== ''))];
  return unique.length === 0 ? 'none' : unique;
}

function readWait(value: Value): number | null {
  if (value === null || value === false) return null;
  if (typeof value !== 'bigint' && typeof value !== 'number') throw new BadOption();
  return Number(value);
}

function readTimestamp(value: Value): string | null {
  const text = readText(value instanceof Date ? value.toISOString() : value);
  if (text === null) return null;
  if (!isTimestamp(text)) throw new BadOption();
  return new Date(text.replace(/(\.\d{3})\d+/, '$1')).toISOString().replace('Z', '000Z');
}

function readNotify(value: Value): boolean {
  if (value !== null && typeof value !== 'boolean') throw new BadOption();
  return value !== false;
}

/** A scalar with the explicit tag `!ruby/symbol`. */
const symbol: ScalarTag = {
  tag: '!ruby/symbol',
  resolve: (text) => new RubySymbol(/^:(["'])(.*)\1$/.exec(text)?.[2] ?? text.replace(/^:/, '')),
};
/** An unquoted `:name` or `:"a name"`. */
const plainSymbol: ScalarTag = { ...symbol, default: true, test: /^:./ };

/**
 * Unlike YAML 1.1, Psych reads `y` and `n` as strings and ignores the case of the other booleans.
 */
const psychTags = (tags: Tags): Tags => [
  symbol,
  plainSymbol,
  ...tags.map((tag) => {
    if (typeof tag === 'string' || tag.collection || tag.tag !== 'tag:yaml.org,2002:bool')
      return tag;
    return { ...tag, test: tag.identify?.(true) ? /^(?:yes|true|on)$/i : /^(?:no|false|off)$/i };
  }),
];

/**
 * Parses one document as Ruby's Psych does: YAML 1.1 with merge keys (`<<`), integers of any size
 * as bigint, and the last value of a duplicate key. Syntax errors are in `errors`; it never throws.
 */
const parseRubyYaml = (text: string) =>
  parseDocument(text, {
    version: '1.1',
    customTags: psychTags,
    intAsBigInt: true,
    uniqueKeys: false,
    prettyErrors: true,
  });

/**
 * Why an entry is invalid; each is a message `cron.problems.<code>`. Lists still show the entry.
 */
export type EntryProblem =
  | 'not_a_mapping'
  | 'no_schedule'
  | 'no_class'
  | 'bad_class'
  | 'bad_args'
  | 'bad_kwargs'
  | 'bad_set'
  | 'bad_description'
  | 'bad_enabled_by_default';

/** One entry of `config.good_job.cron`, as CRON_FILE defines it. */
export interface FileEntry {
  key: string;
  /** The schedule as written: a cron expression, a nickname or natural language; null: missing. */
  cron: string | null;
  jobClass: string | null;
  description: string | null;
  enabledByDefault: boolean;
  /** The job that the entry enqueues; null: a problem makes it impossible. */
  job: CronJob | null;
  /** `args`, `kwargs` and `set` as JSON text with an indent of two; null: not set. */
  args: string | null;
  kwargs: string | null;
  set: string | null;
  problems: EntryProblem[];
}

export interface CronFile {
  entries: ReadonlyMap<string, FileEntry>;
}

/** The whole file is unusable; the message is one sentence with the file's path. */
export class CronFileError extends Error {}

/** A Ruby constant. A lambda or ERB written as a string does not match. */
const CLASS_NAME = /^(?:::)?\p{Lu}[\p{L}\p{M}\p{Nd}_]*(?:::\p{Lu}[\p{L}\p{M}\p{Nd}_]*)*$/u;

const MAX_BYTES = 2_000_000;
const MAX_ENTRIES = 1_000;

/**
 * Reads and parses CRON_FILE, YAML or JSON. Throws CronFileError when the file is unreadable,
 * too large or malformed.
 */
export function readCronFile(path: string): CronFile {
  let text: string;
  try {
    if (statSync(path).size > MAX_BYTES)
      throw new CronFileError(`CRON_FILE ${path} is larger than ${MAX_BYTES / 1_000_000} MB.`);
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if (error instanceof CronFileError) throw error;
    throw new CronFileError(
      `CRON_FILE ${path} cannot be read: ${error instanceof Error ? error.message : String(error)}.`,
    );
  }
  return parseCronFile(text, path);
}

/**
 * Parses the entries of a file: `key: {cron, class, …}` at the top level, or all of them under
 * `cron:`. Returns invalid entries with their problems; throws CronFileError for a malformed file.
 */
export function parseCronFile(text: string, path: string): CronFile {
  const value = parseDocumentValue(text, path);
  if (value === null || value === undefined) return { entries: new Map() };
  if (!(value instanceof Map))
    throw new CronFileError(`CRON_FILE ${path} must hold a mapping of cron keys to entries.`);
  const top = withNamedKeys(value);
  const wrapped = top.get('cron');
  const entries =
    wrapped instanceof Map && !isEntry(withNamedKeys(wrapped)) ? withNamedKeys(wrapped) : top;
  if (entries.size > MAX_ENTRIES)
    throw new CronFileError(`CRON_FILE ${path} has more than ${MAX_ENTRIES} entries.`);
  return { entries: new Map([...entries].map(([key, entry]) => [key, toEntry(key, entry)])) };
}

function parseDocumentValue(text: string, path: string): Value {
  const document = parseRubyYaml(text);
  const [error] = document.errors;
  if (error)
    throw new CronFileError(
      `CRON_FILE ${path} is neither YAML nor JSON: ${error.message.split('\n')[0]?.replace(/[.:]*$/, '')}.`,
    );
  try {
    // The type of `toJS` is any; with `mapAsMap` and the tags above, it returns only these types.
    return document.toJS({ mapAsMap: true, maxAliasCount: 1000 }) as Value;
  } catch (cause) {
    throw new CronFileError(
      `CRON_FILE ${path} cannot be read: ${cause instanceof Error ? cause.message : String(cause)}.`,
    );
  }
}

const isEntry = (map: Map<string, Value>) =>
  typeof map.get('cron') === 'string' || typeof map.get('class') === 'string';

function withNamedKeys(map: Map<Value, Value>): Map<string, Value> {
  return new Map([...map].map(([key, value]) => [keyName(key) ?? String(key), value]));
}

function toEntry(key: string, value: Value): FileEntry {
  if (!(value instanceof Map)) return notAMapping(key);
  const options = withNamedKeys(value);
  const problems: EntryProblem[] = [];
  const text = (name: string, problem: EntryProblem): string | null => {
    const option = options.get(name) ?? null;
    if (option !== null && typeof option !== 'string') problems.push(problem);
    return typeof option === 'string' && option.trim() !== '' ? option : null;
  };
  const cron = text('cron', 'no_schedule');
  if (cron === null && !problems.includes('no_schedule')) problems.push('no_schedule');
  const jobClass = text('class', 'bad_class')?.replace(/^::/, '') ?? null;
  if (jobClass === null && !problems.includes('bad_class')) problems.push('no_class');
  if (jobClass !== null && !CLASS_NAME.test(jobClass)) problems.push('bad_class');
  const description = text('description', 'bad_description');
  // An explicit null is falsy in Ruby, so it disables the entry.
  const enabled = options.has('enabled_by_default')
    ? (options.get('enabled_by_default') ?? false)
    : true;
  if (typeof enabled !== 'boolean') problems.push('bad_enabled_by_default');
  const args = options.get('args') ?? null;
  const kwargs = options.get('kwargs') ?? null;
  const set = options.get('set') ?? null;
  return {
    key,
    cron,
    jobClass,
    description,
    enabledByDefault: enabled !== false,
    job: toJob({ jobClass, args, kwargs, set }, problems),
    args: formatJson(args),
    kwargs: formatJson(kwargs),
    set: formatJson(set),
    problems,
  };
}

const notAMapping = (key: string): FileEntry => ({
  key,
  cron: null,
  jobClass: null,
  description: null,
  enabledByDefault: true,
  job: null,
  args: null,
  kwargs: null,
  set: null,
  problems: ['not_a_mapping'],
});

const BLOCKING_PROBLEMS: readonly EntryProblem[] = [
  'no_class',
  'bad_class',
  'bad_args',
  'bad_kwargs',
  'bad_set',
];

interface JobOptions {
  jobClass: string | null;
  args: Value;
  kwargs: Value;
  set: Value;
}

/** Appends the problems of `args`, `kwargs` and `set` to `problems`. */
function toJob(
  { jobClass, args, kwargs, set }: JobOptions,
  problems: EntryProblem[],
): CronJob | null {
  if (args instanceof Map) problems.push('bad_args');
  if (kwargs !== null && !(kwargs instanceof Map)) problems.push('bad_kwargs');
  const jobArguments = activeJobArguments(args, kwargs);
  if (jobArguments === null && !problems.includes('bad_args') && !problems.includes('bad_kwargs'))
    problems.push('bad_args');
  const setOptions = readSet(set);
  if (setOptions === null) problems.push('bad_set');
  const isBlocked = problems.some((problem) => BLOCKING_PROBLEMS.includes(problem));
  if (isBlocked || jobClass === null || jobArguments === null || setOptions === null) return null;
  return { jobClass, arguments: jobArguments, ...setOptions };
}

function formatJson(value: Value): string | null {
  return value === null ? null : JSON.stringify(toJson(value), null, 2);
}

function toJson(value: Value): unknown {
  if (value instanceof Map)
    return Object.fromEntries(
      [...withNamedKeys(value)].map(([key, inner]) => [key, toJson(inner)]),
    );
  if (Array.isArray(value)) return value.map(toJson);
  if (value instanceof RubySymbol) return value.name;
  if (typeof value !== 'bigint') return value;
  return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
}
