import { offsetText, startOfDay, zonedToUtc } from '../core/locale';
import { inUtc, isTimestamp } from '../core/text';
import { values } from './tokens';

/*
 * What a list of jobs may be filtered by: terms, all of which must hold. They come from the query language (`q`) and
 * from GoodJob's own parameters.
 */

export const TEXT_FIELDS = ['class', 'queue', 'label', 'cron', 'error'] as const;
export const ID_FIELDS = ['id', 'batch', 'callback_batch', 'process'] as const;
export const NUMBER_FIELDS = ['priority', 'attempts'] as const;
export const TIME_FIELDS = ['created', 'scheduled', 'performed', 'finished'] as const;
/** When an execution of the job began: any, one that failed (`failed:` alone is a word of an error's text). */
export const EXECUTION_FIELDS = ['attempted', 'attempt_failed'] as const;
export const FIELDS = [
  'state',
  ...TEXT_FIELDS,
  ...ID_FIELDS,
  ...NUMBER_FIELDS,
  ...TIME_FIELDS,
  ...EXECUTION_FIELDS,
] as const;
export type Field = (typeof FIELDS)[number];

/** Parameters with one term each: GoodJob's own, and `process_id`. */
export const TERM_PARAMS = [
  'job_class',
  'queue_name',
  'label',
  'cron_key',
  'process_id',
  'finished_since',
  'query',
] as const;
export type TermParam = (typeof TERM_PARAMS)[number];

/** The parameter that names the zone of days and times without an offset. */
export const ZONE_PARAM = 'time_zone';

/** GoodJob's `finished_since` (JobsFilter#finished_since), in seconds. */
export const FINISHED_SINCE: Record<string, number> = {
  '1_hour_ago': 3_600,
  '3_hours_ago': 10_800,
  '24_hours_ago': 86_400,
  '3_days_ago': 259_200,
  '7_days_ago': 604_800,
};

/** An instant (ISO 8601 UTC), or a span before now (negative: after now). */
export type TimeValue = { at: string } | { secondsAgo: number };

export interface TimeBound {
  comparison: '>' | '>=' | '<' | '<=';
  time: TimeValue;
}

/** Whole numbers, both ends included; null: no end. */
export interface NumberRange {
  from: number | null;
  to: number | null;
}

interface Common {
  negated: boolean;
  /** The term as it was typed: the chip's text, and what the term is in the URL. */
  source: string;
  /** The query parameter that it came in. */
  param: TermParam | 'q';
}

export type TextTerm = Common & {
  kind: 'text';
  text: string;
  /** The text between its stars, each of which is any characters; one part: a text without a star. */
  parts: string[];
  /**
   * Lower-case hex digits when the text may be an id, or its first 8 characters or more: then the jobs with such an id
   * are meant or, when there are none, the members of that batch, and only when there are none either, the text.
   */
  id: string | null;
};
export type MatchTerm = Common & {
  kind: 'match';
  field: 'state' | (typeof TEXT_FIELDS)[number];
  /** One of them; `*` is any characters, `\*` a star, `\\` a backslash. */
  values: string[];
  /** `error:=…`: the error from its beginning to its end, as every other field is compared, and no part of it. */
  whole?: true;
};
export type IdsTerm = Common & {
  kind: 'ids';
  field: (typeof ID_FIELDS)[number];
  /** Lower-case hex digits: all 32, or the first 8 or more. */
  values: string[];
};
export type NumberTerm = Common & {
  kind: 'number';
  field: (typeof NUMBER_FIELDS)[number];
  ranges: NumberRange[];
};
export type TimeTerm = Common & {
  kind: 'time';
  field: (typeof TIME_FIELDS)[number];
  bounds: TimeBound[];
};
/** The job has an execution on which all bounds hold. */
export type ExecutionTerm = Common & {
  kind: 'execution';
  field: (typeof EXECUTION_FIELDS)[number];
  bounds: TimeBound[];
};
/** `args.0.invoice_id:4711`: a scalar at that path of the arguments, as JSON prints it (strings without quotes). */
export type ArgumentTerm = Common & { kind: 'argument'; path: string[]; values: string[] };
/**
 * `failure:<fingerprint>@<since>..<until>`: the failures of one group of /cleaner (lib/failures/fingerprints.ts), of those
 * that failed at `since` or later and, where they wait to be tried again, are scheduled up to `until`. Written by links.
 */
export type FailureTerm = Common & {
  kind: 'failure';
  fingerprint: string;
  since: string;
  until: string | null;
  /** The jobs of the group, had by settling the filter; until then none. */
  ids: string[];
};
/** `hidden`: it looks for what redaction hides. */
export type NotUnderstoodTerm = Common & {
  kind: 'not_understood';
  reason: 'field' | 'value' | 'quote' | 'hidden';
};

/** A term that holds. */
export type UnderstoodTerm =
  | TextTerm
  | MatchTerm
  | IdsTerm
  | NumberTerm
  | TimeTerm
  | ExecutionTerm
  | ArgumentTerm
  | FailureTerm;
export type Term = UnderstoodTerm | NotUnderstoodTerm;

/*
 * Times of the query language: `>2h` is after two hours ago, `<2026-11-01` before that day began, `>2026-11-01` after it
 * ended, `2026-11-01` that day, `2026-11-01..2026-11-02` both days and what is between them, `..<` the same without its
 * end. A day has an offset (`2026-11-01+09:00`); what has none is in the reader's zone and is written with its offset,
 * so that it means the same to every reader.
 */

const UNITS: Record<string, number> = { s: 1, m: 60, min: 60, h: 3600, d: 86_400, w: 604_800 };
/** A hundred years: further back Postgres' arithmetic ends. */
const LONGEST_SPAN = 3_155_760_000;
const DAY_MS = 86_400_000;
/** Its end is beyond the years that can be written. */
const LAST_DAY = '9999-12-31';

const DAY = /^(\d{4}-\d\d-\d\d)(Z|[+-](?:0\d|1[0-4]):?\d\d)?$/;
const LOCAL_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?$/;
const INTERVAL = /^(?:(>=|<=|>|<)?((?:(?!\.\.).)*)|(.*?)\.\.(<?)(.*))$/s;

interface Interval {
  /** Absent in a range. */
  sign?: string;
  one: string;
  low?: string;
  high?: string;
  isHalfOpen: boolean;
}

function readInterval(text: string): Interval | null {
  const match = INTERVAL.exec(text.normalize('NFKC'));
  if (!match) return null;
  const [, sign, one = '', low, half, high] = match;
  return { sign, one, low, high, isHalfOpen: half === '<' };
}

/** The value of a time field with the offset of `zone` on its days and times that have none. */
export function withOffsets(text: string, zone: string): string {
  const interval = readInterval(text);
  if (!interval) return text;
  const { sign = '', one, low, high, isHalfOpen } = interval;
  if (low === undefined || high === undefined) {
    const day = bareDay(one);
    if (!day) {
      const time = timeWithOffset(one, zone);
      return time === null ? text : sign + time;
    }
    if (sign === '<' || sign === '>=') return sign + dayWithOffset(day, zone);
    if (sign === '>') return `>=${dayWithOffset(nextDay(day), zone)}`;
    if (sign === '<=') return `<${dayWithOffset(nextDay(day), zone)}`;
    return isWholeDay(day, zone)
      ? dayWithOffset(day, zone)
      : `${dayWithOffset(day, zone)}..<${dayWithOffset(nextDay(day), zone)}`;
  }
  const lowDay = bareDay(low);
  const highDay = bareDay(high);
  const from = lowDay ? dayWithOffset(lowDay, zone) : (timeWithOffset(low, zone) ?? low);
  if (!highDay || isHalfOpen) {
    const to = highDay ? dayWithOffset(highDay, zone) : (timeWithOffset(high, zone) ?? high);
    return from === low && to === high ? text : `${from}..${isHalfOpen ? '<' : ''}${to}`;
  }
  return isWholeDay(highDay, zone)
    ? `${from}..${dayWithOffset(highDay, zone)}`
    : `${from}..<${dayWithOffset(nextDay(highDay), zone)}`;
}

/** The bounds that the value of a time field sets; null: it is no time. */
export function readBounds(text: string): TimeBound[] | null {
  const interval = readInterval(text);
  if (!interval) return null;
  const { sign, one, low, high, isHalfOpen } = interval;
  let bounds: (TimeBound | null)[];
  if (low !== undefined && high !== undefined)
    bounds = [
      ...(low ? [readBound('>=', low)] : []),
      ...(high ? [readBound(isHalfOpen ? '<' : '<=', high)] : []),
    ];
  else if (sign) bounds = [readBound(sign as TimeBound['comparison'], one)];
  else bounds = readDay(unquoted(one)) ? [readBound('>=', one), readBound('<=', one)] : [];
  const read = bounds.filter((bound) => bound !== null);
  return read.length > 0 && read.length === bounds.length ? read : null;
}

function readBound(comparison: TimeBound['comparison'], source: string): TimeBound | null {
  const text = unquoted(source);
  const day = readDay(text);
  if (day) {
    if (comparison === '<=') return { comparison: '<', time: { at: day.end } };
    return comparison === '>'
      ? { comparison: '>=', time: { at: day.end } }
      : { comparison, time: { at: day.start } };
  }
  const time = readInstant(text);
  return time && { comparison, time };
}

const unquoted = (source: string) => values(source, null)[0]?.text ?? '';

/** A day that there is, in UTC unless it has an offset. */
function readDay(text: string): { start: string; end: string } | null {
  const [, day = '', offset = 'Z'] = DAY.exec(text) ?? [];
  if (!isTimestamp(`${day}T00:00${offset}`) || day >= LAST_DAY) return null;
  const start = Date.parse(inUtc(`${day}T00:00${offset}`));
  return {
    start: new Date(start).toISOString(),
    end: new Date(start + DAY_MS).toISOString(),
  };
}

function readInstant(text: string): TimeValue | null {
  const span = /^([+-]?)(\d{1,6})(s|min|m|h|d|w)$/.exec(text);
  if (span) {
    const seconds = Number(span[2]) * (UNITS[span[3] ?? ''] ?? 0);
    return seconds <= LONGEST_SPAN ? { secondsAgo: seconds * (span[1] === '+' ? -1 : 1) } : null;
  }
  return isTimestamp(text) ? { at: inUtc(text) } : null;
}

/** A day without an offset; null for anything else. */
function bareDay(source: string): string | null {
  const text = unquoted(source);
  return DAY.exec(text)?.[2] === undefined && readDay(text) ? text : null;
}

function nextDay(day: string): string {
  return new Date(Date.parse(day) + DAY_MS).toISOString().slice(0, 10);
}

/** By the offset with which its first instant is midnight, also where a clock change skips midnight itself. */
function dayWithOffset(day: string, zone: string): string {
  const offset = offsetText(Date.parse(day) - startOfDay(day, zone));
  return day < LAST_DAY ? day + offset : `${day}T00:00${offset}`;
}

/** Days with a clock change are shorter or longer. */
function isWholeDay(day: string, zone: string): boolean {
  return startOfDay(nextDay(day), zone) - startOfDay(day, zone) === DAY_MS;
}

/** A time without an offset with that of the zone; null for anything else. */
function timeWithOffset(source: string, zone: string): string | null {
  const text = unquoted(source).replace(' ', 'T');
  if (!LOCAL_TIME.test(text) || !isTimestamp(text)) return null;
  const local = text.replace(/\.\d+$/, '');
  const instant = zonedToUtc(local, zone);
  return instant && text + offsetText(Date.parse(`${local}Z`) - Date.parse(instant));
}
