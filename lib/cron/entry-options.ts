import { isTimestamp } from '../core/text';
import type { CronJob } from '../good-job/cron-enqueue';

/** A symbol of Ruby's: `:name`, not in quotes, in YAML. */
export class RubySymbol {
  constructor(readonly name: string) {}
}

/** What YAML 1.1 gives; whole numbers are bigint, so that a number is always written with a point. */
export type Value =
  null | boolean | string | number | bigint | Date | RubySymbol | Value[] | Map<Value, Value>;

/**
 * Positional and keyword arguments as ActiveJob::Arguments.serialize writes them, as the text of a JSON array; null
 * for what Active Job cannot serialize. Keys are symbols at every depth: config_for and GOOD_JOB_CRON make them so.
 */
export function activeJobArguments(args: Value, kwargs: Value): string | null {
  try {
    const positional = args === null ? [] : Array.isArray(args) ? args : [args];
    const written = positional.map(write);
    if (kwargs instanceof Map && kwargs.size > 0)
      written.push(writeHash(kwargs, '_aj_ruby2_keywords'));
    return `[${written.join(', ')}]`;
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  }
}

/** The name of a mapping's key as `deep_symbolize_keys` has it; null: it stays what it is, no symbol. */
export function keyName(key: Value): string | null {
  if (key instanceof RubySymbol) return key.name;
  return typeof key === 'string' ? key : null;
}

function write(value: Value): string {
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'number') return writeNumber(value);
  if (typeof value === 'string') return JSON.stringify(value);
  if (value instanceof RubySymbol)
    return `{"_aj_serialized": "ActiveJob::Serializers::SymbolSerializer", "value": ${JSON.stringify(value.name)}}`;
  if (Array.isArray(value)) return `[${value.map(write).join(', ')}]`;
  if (value instanceof Map) return writeHash(value, '_aj_symbol_keys');
  throw new TypeError('Active Job does not serialize this.');
}

/** A float keeps its point: 1.0 is no 1. */
function writeNumber(value: number): string {
  if (!Number.isFinite(value)) throw new TypeError('JSON has no such number.');
  return Number.isInteger(value) && !String(value).includes('e') ? `${value}.0` : String(value);
}

const RESERVED = /^_aj_/;

function writeHash(
  map: Map<Value, Value>,
  marker: '_aj_symbol_keys' | '_aj_ruby2_keywords',
): string {
  // Two keys of one name (`id` and `:id`) are one symbol; the last one counts.
  const written = new Map<string, string>();
  for (const [key, value] of map) {
    const name = keyName(key);
    if (name === null) throw new TypeError('Only texts and symbols can be keys.');
    if (RESERVED.test(name)) throw new TypeError('The key is reserved.');
    written.set(name, write(value));
  }
  const entries = [...written].map(([name, value]) => `${JSON.stringify(name)}: ${value}`);
  return `{${[...entries, `${JSON.stringify(marker)}: ${JSON.stringify([...written.keys()])}`].join(', ')}}`;
}

type SetOptions = Omit<CronJob, 'jobClass' | 'arguments'>;

/** An option of a type that Active Job or GoodJob cannot take. */
class BadOption extends Error {}

/** The options of `ActiveJob::Core#set` that GoodJob and Active Job know, converted as they do; null: one is of a wrong type. */
export function readSet(set: Value): SetOptions | null {
  if (set !== null && !(set instanceof Map)) return null;
  const given = new Map([...(set ?? [])].map(([name, value]) => [keyName(name), value]));
  const get = (name: string) => given.get(name) ?? null;
  try {
    return {
      queue: readQueue(get('queue')),
      priority: readPriority(get('priority')),
      labels: given.has('good_job_labels') ? readLabels(get('good_job_labels')) : null,
      concurrencyKey: readText(get('good_job_concurrency_key')),
      waitSeconds: readWait(get('wait')),
      waitUntil: readMoment(get('wait_until')),
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

/** A symbol's name, or a number's digits: `queue_name_from_part` joins it to a text. */
function readQueue(value: Value): string | null {
  if (value instanceof RubySymbol) return value.name;
  return typeof value === 'bigint' ? String(value) : readText(value);
}

/** `to_i`; but a text without a number, which it makes 0, is a mistake. */
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
  // Never -0.
  return whole + 0;
}

/** `Array(labels)`, each as `to_s`, without blank ones and repetitions; 'none' for no label, which leaves the class' own out. */
function readLabels(value: Value): SetOptions['labels'] {
  const labels = value === null ? [] : Array.isArray(value) ? value : [value];
  const texts = labels.map((label) => {
    if (label === null || label === false) return '';
    if (label instanceof RubySymbol) return label.name;
    if (typeof label === 'number') return Number.isInteger(label) ? `${label}.0` : String(label);
    if (typeof label === 'string' || typeof label === 'bigint' || label === true)
      return String(label);
    throw new BadOption();
  });
  const kept = [...new Set(texts.map((text) => text.trim()).filter((text) => text !== ''))];
  return kept.length === 0 ? 'none' : kept;
}

function readWait(value: Value): number | null {
  if (value === null || value === false) return null;
  if (typeof value !== 'bigint' && typeof value !== 'number') throw new BadOption();
  return Number(value);
}

function readMoment(value: Value): string | null {
  const text = readText(value instanceof Date ? value.toISOString() : value);
  if (text === null) return null;
  if (!isTimestamp(text)) throw new BadOption();
  return new Date(text.replace(/(\.\d{3})\d+/, '$1')).toISOString().replace('Z', '000Z');
}

function readNotify(value: Value): boolean {
  if (value !== null && typeof value !== 'boolean') throw new BadOption();
  return value !== false;
}
