import type { CronJob } from '../good-job/cron-enqueue';
import { isTimestamp } from '../text';
import { RubySymbol, type Value, keyName } from './active-job-arguments';

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
