import { readFileSync, statSync } from 'node:fs';
import { type ScalarTag, type Tags, parseDocument } from 'yaml';
import type { CronJob } from '../good-job/cron-enqueue';
import { RubySymbol, type Value, activeJobArguments, keyName, readSet } from './entry-options';

/** Where YAML says that it is one. */
const symbol: ScalarTag = {
  tag: '!ruby/symbol',
  resolve: (text) => new RubySymbol(/^:(["'])(.*)\1$/.exec(text)?.[2] ?? text.replace(/^:/, '')),
};
/** `:name` not in quotes; also `:"a name"`. */
const plainSymbol: ScalarTag = { ...symbol, default: true, test: /^:./ };

/** To Psych `y` and `n` are texts; of the other words the case does not matter. */
const asPsych = (tags: Tags): Tags => [
  symbol,
  plainSymbol,
  ...tags.map((tag) => {
    if (typeof tag === 'string' || tag.tag !== 'tag:yaml.org,2002:bool') return tag;
    return {
      ...tag,
      test: tag.identify?.(true) ? /^(?:yes|true|on)$/i : /^(?:no|false|off)$/i,
    } as ScalarTag;
  }),
];

/** One document as Ruby's Psych reads it: YAML 1.1 with `<<`, whole numbers of any size, and of a key given twice the last. */
export const parseRubyYaml = (text: string) =>
  parseDocument(text, {
    version: '1.1',
    customTags: asPsych,
    intAsBigInt: true,
    uniqueKeys: false,
    prettyErrors: true,
  });

/** What is wrong with an entry; each is a message `cron.problems.<code>`. The entry is shown all the same. */
export const ENTRY_PROBLEMS = [
  'not_a_mapping',
  'no_schedule',
  'no_class',
  'bad_class',
  'bad_args',
  'bad_kwargs',
  'bad_set',
  'bad_description',
  'bad_enabled_by_default',
] as const;
export type EntryProblem = (typeof ENTRY_PROBLEMS)[number];

/** One entry of GoodJob's `config.cron`, as the file has it. */
export interface FileEntry {
  key: string;
  /** As written: cron, a nickname, or natural language; null: missing. */
  cron: string | null;
  jobClass: string | null;
  description: string | null;
  enabledByDefault: boolean;
  /** What it enqueues; null when a problem stands in the way. */
  job: CronJob | null;
  /** `args`, `kwargs` and `set`, as JSON text with an indent of two; null: not given. */
  args: string | null;
  kwargs: string | null;
  set: string | null;
  problems: EntryProblem[];
}

export interface CronFile {
  entries: ReadonlyMap<string, FileEntry>;
}

/** The file as a whole cannot be used; the message is one sentence that names it. */
export class CronFileError extends Error {}

/** A constant of Ruby's, which begins with a capital; a lambda or ERB written as text is none. */
const CLASS_NAME = /^(?:::)?\p{Lu}[\p{L}\p{M}\p{Nd}_]*(?:::\p{Lu}[\p{L}\p{M}\p{Nd}_]*)*$/u;

/** Larger files are no list of cron entries. */
const MAX_BYTES = 2_000_000;
const MAX_ENTRIES = 1_000;

/** Reads CRON_FILE, YAML or JSON; throws CronFileError. */
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

/** The entries in a file's text: `key: {cron, class, …}` at the top, or all of them under `cron:`. Throws CronFileError. */
export function parseCronFile(text: string, path: string): CronFile {
  const document = parseRubyYaml(text);
  const [error] = document.errors;
  if (error)
    throw new CronFileError(
      `CRON_FILE ${path} is neither YAML nor JSON: ${error.message.split('\n')[0]?.replace(/[.:]*$/, '')}.`,
    );
  let value: Value;
  try {
    value = document.toJS({ mapAsMap: true, maxAliasCount: 1000 }) as Value;
  } catch (problem) {
    throw new CronFileError(
      `CRON_FILE ${path} cannot be read: ${problem instanceof Error ? problem.message : String(problem)}.`,
    );
  }
  if (value === null || value === undefined) return { entries: new Map() };
  if (!(value instanceof Map))
    throw new CronFileError(`CRON_FILE ${path} must hold a mapping of cron keys to entries.`);
  const top = named(value);
  const wrapped = top.get('cron');
  const entries = wrapped instanceof Map && !isEntry(named(wrapped)) ? named(wrapped) : top;
  if (entries.size > MAX_ENTRIES)
    throw new CronFileError(`CRON_FILE ${path} has more than ${MAX_ENTRIES} entries.`);
  return { entries: new Map([...entries].map(([key, entry]) => [key, toEntry(key, entry)])) };
}

const isEntry = (map: Map<string, Value>) =>
  typeof map.get('cron') === 'string' || typeof map.get('class') === 'string';

/** By what the keys are called; a number may be one. */
function named(map: Map<Value, Value>): Map<string, Value> {
  return new Map([...map].map(([key, value]) => [keyName(key) ?? String(key), value]));
}

function toEntry(key: string, value: Value): FileEntry {
  if (!(value instanceof Map))
    return {
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
    };
  const given = named(value);
  const problems: EntryProblem[] = [];
  const text = (name: string, problem: EntryProblem): string | null => {
    const found = given.get(name) ?? null;
    if (found !== null && typeof found !== 'string') problems.push(problem);
    return typeof found === 'string' && found.trim() !== '' ? found : null;
  };
  const cron = text('cron', 'no_schedule');
  if (cron === null && !problems.includes('no_schedule')) problems.push('no_schedule');
  const jobClass = text('class', 'bad_class')?.replace(/^::/, '') ?? null;
  if (jobClass === null && !problems.includes('bad_class')) problems.push('no_class');
  if (jobClass !== null && !CLASS_NAME.test(jobClass)) problems.push('bad_class');
  const description = text('description', 'bad_description');
  // Given as nothing it is no, as it is to Ruby.
  const enabled = given.has('enabled_by_default')
    ? (given.get('enabled_by_default') ?? false)
    : true;
  if (typeof enabled !== 'boolean') problems.push('bad_enabled_by_default');
  const args = given.get('args') ?? null;
  const kwargs = given.get('kwargs') ?? null;
  const set = given.get('set') ?? null;
  if (args instanceof Map) problems.push('bad_args');
  if (kwargs !== null && !(kwargs instanceof Map)) problems.push('bad_kwargs');
  const arguments_ = activeJobArguments(args, kwargs);
  if (arguments_ === null && !problems.includes('bad_args') && !problems.includes('bad_kwargs'))
    problems.push('bad_args');
  const options = readSet(set);
  if (options === null) problems.push('bad_set');
  const blocking = problems.some((problem) =>
    ['no_class', 'bad_class', 'bad_args', 'bad_kwargs', 'bad_set'].includes(problem),
  );
  return {
    key,
    cron,
    jobClass,
    description,
    enabledByDefault: enabled !== false,
    job:
      blocking || jobClass === null || arguments_ === null || options === null
        ? null
        : { jobClass, arguments: arguments_, ...options },
    args: printed(args),
    kwargs: printed(kwargs),
    set: printed(set),
    problems,
  };
}

/** As JSON, for the reader. */
function printed(value: Value): string | null {
  return value === null ? null : JSON.stringify(plain(value), null, 2);
}

function plain(value: Value): unknown {
  if (value instanceof Map)
    return Object.fromEntries([...named(value)].map(([key, inner]) => [key, plain(inner)]));
  if (Array.isArray(value)) return value.map(plain);
  if (value instanceof RubySymbol) return value.name;
  return typeof value === 'bigint'
    ? Number.isSafeInteger(Number(value))
      ? Number(value)
      : String(value)
    : value;
}
