import { offsetText, startOfDay, zonedToUtc } from '../core/locale';
import { toUtc, isTimestamp } from '../core/text';

/*
 * The tokens of the query language: words are split at white space and values at commas, both
 * outside quotes. Every operator also has its full-width form (：＞－，“ and the ideographic space),
 * which a Japanese input method writes.
 */

/** A word of a query. */
interface Token {
  text: string;
  /** UTF-16 offset in the query. */
  start: number;
  /** Whether a quote is not closed. */
  hasOpenQuote: boolean;
}

const CLOSING: Record<string, string> = { '"': '"', '“': '”"', '”': '”"', '＂': '＂"' };
export const COMMA = /[,，]/;
export const COLON = /[:：]/;
export const MINUS = /^[-－−]/;

/** Splits a query at white space outside quotes. */
export function tokenize(query: string): Token[] {
  const result: Token[] = [];
  let token: Token | null = null;
  let closing = '';
  for (let at = 0; at < query.length; at += 1) {
    const char = query[at] ?? '';
    if (!closing && /\s/u.test(char)) {
      if (token) result.push(token);
      token = null;
      continue;
    }
    token ??= { text: '', start: at, hasOpenQuote: false };
    token.text += char;
    if (!closing) closing = CLOSING[char] ?? '';
    else if (char === '\\' && at + 1 < query.length) {
      at += 1;
      token.text += query[at];
    } else if (closing.includes(char)) closing = '';
    token.hasOpenQuote = closing !== '';
  }
  return token ? [...result, token] : result;
}

/** A value of a field, without its quotes. */
interface Value {
  text: string;
  /** The text with wildcards: `*` matches any characters, `\*` is a star, `\\` a backslash. */
  pattern: string;
  /** The text between the wildcards. `\*` and a star in quotes are literal. */
  parts: string[];
  quoted: boolean;
}

const emptyValue = (): Value => ({ text: '', pattern: '', parts: [''], quoted: false });

/** Appends a character; `star` is the interpretation of a `*`. */
function addToParts(parts: string[], char: string, star: 'wildcard' | 'escaped' | 'quoted'): void {
  const last = parts.length - 1;
  const part = parts[last] ?? '';
  if (char === '*' && star === 'wildcard') parts.push('');
  else parts[last] = (char === '*' && star === 'escaped' ? part.slice(0, -1) : part) + char;
}

/** Splits text at unquoted separators: `a,"b, c"` has the values `a` and `b, c`. */
export function parseValues(text: string, separator: RegExp | null = COMMA): Value[] {
  const result: Value[] = [];
  let value: Value = emptyValue();
  let closing = '';
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at] ?? '';
    if (!closing && separator?.test(char)) {
      result.push(value);
      value = emptyValue();
    } else if (!closing && CLOSING[char]) {
      closing = CLOSING[char];
      value.quoted = true;
    } else if (closing && closing.includes(char)) {
      closing = '';
    } else {
      const isEscape = closing !== '' && char === '\\' && /["\\”＂]/.test(text[at + 1] ?? '');
      if (isEscape) at += 1;
      const plain = isEscape ? (text[at] ?? '') : char;
      value.text += plain;
      const unquotedStar = text[at - 1] === '\\' ? 'escaped' : 'wildcard';
      addToParts(value.parts, plain, closing === '' ? unquotedStar : 'quoted');
      value.pattern += closing && /[\\*]/.test(plain) ? `\\${plain}` : plain;
    }
  }
  return [...result, value].filter(({ text: content, quoted }) => content !== '' || quoted);
}

const inQuotes = (text: string) => `"${text.replaceAll(/["\\]/g, '\\$&')}"`;

/** Quotes a search text that the query language would otherwise parse as something else. */
export function quoteText(text: string): string {
  const needsQuotes = text === '' || /[\s"“”＂\\*]|^[-－−]|^[^\s:：]*[:：]/u.test(text);
  return needsQuotes ? inQuotes(text) : text;
}

/** Quotes a field value where the query language requires it. */
export function quoteValue(value: string): string {
  const needsQuotes = value === '' || /[\s"“”＂,，*\\]|^[:：/=＝]/u.test(value);
  return needsQuotes ? inQuotes(value) : value;
}

/*
 * A filter of jobs is a list of terms, joined by AND. They come from the query language (`q`) and
 * from GoodJob's own URL parameters.
 */

export const TEXT_FIELDS = ['class', 'queue', 'label', 'cron', 'error'] as const;
export const ID_FIELDS = ['id', 'batch', 'callback_batch', 'process'] as const;
export const NUMBER_FIELDS = ['priority', 'attempts'] as const;
export const TIME_FIELDS = ['created', 'scheduled', 'performed', 'finished'] as const;
/**
 * Fields for the start of an execution: of any, or of a failed one. `failed:` is not a field,
 * because error texts contain it.
 */
export const EXECUTION_FIELDS = ['attempted', 'attempt_failed'] as const;
/** The wait before the last attempt, and how long that attempt ran. */
export const DURATION_FIELDS = ['wait', 'runtime'] as const;
export type DurationField = (typeof DURATION_FIELDS)[number];
export const FIELDS = [
  'state',
  ...TEXT_FIELDS,
  ...ID_FIELDS,
  ...NUMBER_FIELDS,
  ...TIME_FIELDS,
  ...EXECUTION_FIELDS,
  ...DURATION_FIELDS,
] as const;
export type Field = (typeof FIELDS)[number];

/** URL parameters that each hold one term: GoodJob's own, and `process_id`. */
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

/** URL parameter with the time zone of days and times that have no offset. */
export const ZONE_PARAM = 'time_zone';

/** GoodJob's `finished_since` (JobsFilter#finished_since), in seconds. */
export const FINISHED_SINCE_SECONDS: Record<string, number> = {
  '1_hour_ago': 3_600,
  '3_hours_ago': 10_800,
  '24_hours_ago': 86_400,
  '3_days_ago': 259_200,
  '7_days_ago': 604_800,
};

/** An instant (ISO 8601 UTC), or seconds before now (negative: after now). */
export type TimeValue = { at: string } | { secondsAgo: number };

const COMPARISONS = ['>=', '<=', '>', '<'] as const;

export interface TimeBound {
  comparison: (typeof COMPARISONS)[number];
  time: TimeValue;
}

/** A bound of a duration. */
export interface DurationBound {
  comparison: TimeBound['comparison'];
  seconds: number;
}

/** Integers with both ends included; null is unbounded. */
export interface NumberRange {
  from: number | null;
  to: number | null;
}

interface Common {
  negated: boolean;
  /** The term as the user typed it, for the URL and for its chip. */
  source: string;
  /** The URL parameter that the term comes from. */
  param: TermParam | 'q';
}

export type TextTerm = Common & {
  kind: 'text';
  text: string;
  /** The text between `*` wildcards; one part when it has none. */
  parts: string[];
  /**
   * Lower-case hex digits when the text may be an id or at least its first 8 characters. The term
   * then matches jobs with that id, else jobs of the batch with that id, else the text.
   */
  id: string | null;
};
export type MatchTerm = Common & {
  kind: 'match';
  field: 'state' | (typeof TEXT_FIELDS)[number];
  /** Alternatives; `*` matches any characters, `\*` is a star, `\\` a backslash. */
  values: string[];
  /** `error:=…` compares the whole error instead of searching in it. */
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
/** Matches a job with an execution that satisfies all bounds. */
export type ExecutionTerm = Common & {
  kind: 'execution';
  field: (typeof EXECUTION_FIELDS)[number];
  bounds: TimeBound[];
};
/** Matches a job whose duration satisfies all bounds. */
export type DurationTerm = Common & {
  kind: 'duration';
  field: DurationField;
  bounds: DurationBound[];
};
/**
 * `args.0.invoice_id:4711` compares the scalar at a path of the arguments, as JSON prints it
 * (without quotes).
 */
export type ArgumentTerm = Common & { kind: 'argument'; path: string[]; values: string[] };
/**
 * `failure:<fingerprint>@<since>..<until>` matches the jobs of one failure group
 * (lib/failures/groups.ts) that failed at or after `since`; jobs that wait for a retry are
 * scheduled up to `until`. Only links write it.
 */
export type FailureTerm = Common & {
  kind: 'failure';
  fingerprint: string;
  since: string;
  until: string | null;
  /** Ids of the group's jobs; empty until `resolveFilter` has read them. */
  ids: string[];
};
/** A term that could not be parsed. `hidden`: it searches for a value that redaction hides. */
export type NotUnderstoodTerm = Common & {
  kind: 'not_understood';
  reason: 'field' | 'value' | 'quote' | 'hidden';
};

/** A term that was parsed. */
export type UnderstoodTerm =
  | TextTerm
  | MatchTerm
  | IdsTerm
  | NumberTerm
  | TimeTerm
  | ExecutionTerm
  | DurationTerm
  | ArgumentTerm
  | FailureTerm;
export type Term = UnderstoodTerm | NotUnderstoodTerm;

/*
 * Times of the query language: `>2h` is after two hours ago, `<2026-11-01` before the start of that
 * day, `>2026-11-01` after its end, `2026-11-01` that day, `2026-11-01..2026-11-02` both days, and
 * `..<` a range without its end. A day without an offset (`+09:00`) is in the viewer's zone and
 * gets that offset, so that a shared URL keeps its meaning.
 */

const UNITS: Record<string, number> = { s: 1, m: 60, min: 60, h: 3600, d: 86_400, w: 604_800 };
/** A hundred years: Postgres rejects times that are too far back. */
const MAX_SPAN_SECONDS = 3_155_760_000;
const DAY_MS = 86_400_000;
/** The end of this day needs a year with five digits, which ISO 8601 cannot write. */
const LAST_DAY = '9999-12-31';

const DAY = /^(\d{4}-\d\d-\d\d)(Z|[+-](?:0\d|1[0-4]):?\d\d)?$/;
const LOCAL_TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,9})?)?$/;
const INTERVAL = /^(?:(>=|<=|>|<)?((?:(?!\.\.).)*)|(.*?)\.\.(<?)(.*))$/s;

interface Interval {
  /** Comparison operator; absent in a range. */
  sign?: TimeBound['comparison'];
  /** The value of an interval that is not a range. */
  single: string;
  low?: string;
  high?: string;
  /** Whether the range excludes its end. */
  isHalfOpen: boolean;
}

function readInterval(text: string): Interval | null {
  const match = INTERVAL.exec(text.normalize('NFKC'));
  if (!match) return null;
  const [, operator, single = '', low, half, high] = match;
  const sign = COMPARISONS.find((comparison) => comparison === operator);
  return { sign, single, low, high, isHalfOpen: half === '<' };
}

/** Adds the offset of `zone` to the days and times of a time field's value that have none. */
export function addZoneOffsets(text: string, zone: string): string {
  const interval = readInterval(text);
  if (!interval) return text;
  const { sign = '', single, low, high, isHalfOpen } = interval;
  if (low === undefined || high === undefined) return boundWithOffset(text, { sign, single, zone });
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

function boundWithOffset(
  text: string,
  { sign, single, zone }: { sign: string; single: string; zone: string },
): string {
  const day = bareDay(single);
  if (!day) {
    const time = timeWithOffset(single, zone);
    return time === null ? text : sign + time;
  }
  if (sign === '<' || sign === '>=') return sign + dayWithOffset(day, zone);
  if (sign === '>') return `>=${dayWithOffset(nextDay(day), zone)}`;
  if (sign === '<=') return `<${dayWithOffset(nextDay(day), zone)}`;
  return isWholeDay(day, zone)
    ? dayWithOffset(day, zone)
    : `${dayWithOffset(day, zone)}..<${dayWithOffset(nextDay(day), zone)}`;
}

/** Returns the bounds of a time field's value, or null if the value is not a time. */
export function parseBounds(text: string): TimeBound[] | null {
  const interval = readInterval(text);
  if (!interval) return null;
  const { sign, single, low, high, isHalfOpen } = interval;
  let bounds: (TimeBound | null)[];
  if (low !== undefined && high !== undefined)
    bounds = [
      ...(low ? [readBound('>=', low)] : []),
      ...(high ? [readBound(isHalfOpen ? '<' : '<=', high)] : []),
    ];
  else if (sign) bounds = [readBound(sign, single)];
  else bounds = readDay(unquoted(single)) ? [readBound('>=', single), readBound('<=', single)] : [];
  const parsed = bounds.filter((bound) => bound !== null);
  return parsed.length > 0 && parsed.length === bounds.length ? parsed : null;
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

const unquoted = (source: string) => parseValues(source, null)[0]?.text ?? '';

/** Seconds by unit, also as Japanese writes them. */
const DURATION_UNITS: Record<string, number> = {
  ...UNITS,
  ms: 0.001,
  sec: 1,
  ミリ秒: 0.001,
  秒: 1,
  分: 60,
  時間: 3_600,
  日: 86_400,
};
const DURATION = /^(?:\d{1,9}(?:\.\d{1,3})?(?:ms|sec|s|min|m|h|d|w|ミリ秒|秒|分|時間|日))+$/;
const DURATION_PART = /([\d.]+)(\D+)/g;

/** Returns the bounds of a duration field's value, or null if the value is not a duration. */
export function parseDurationBounds(text: string): DurationBound[] | null {
  const interval = readInterval(text);
  if (!interval) return null;
  const { sign, single, low, high, isHalfOpen } = interval;
  let bounds: (DurationBound | null)[] = [];
  if (low !== undefined && high !== undefined)
    bounds = [
      ...(low ? [readDurationBound('>=', low)] : []),
      ...(high ? [readDurationBound(isHalfOpen ? '<' : '<=', high)] : []),
    ];
  else if (sign) bounds = [readDurationBound(sign, single)];
  const parsed = bounds.filter((bound) => bound !== null);
  return parsed.length > 0 && parsed.length === bounds.length ? parsed : null;
}

/** Reads a duration such as `90s`, `1h30m` or `5分`. */
function readDurationBound(
  comparison: DurationBound['comparison'],
  source: string,
): DurationBound | null {
  const text = unquoted(source);
  if (!DURATION.test(text)) return null;
  const parts = [...text.matchAll(DURATION_PART)];
  const seconds = parts.reduce(
    (sum, [, number = '', unit = '']) => sum + Number(number) * (DURATION_UNITS[unit] ?? 0),
    0,
  );
  return seconds <= MAX_SPAN_SECONDS ? { comparison, seconds } : null;
}

/** Returns the bounds of a valid calendar day, in UTC unless it has an offset. */
function readDay(text: string): { start: string; end: string } | null {
  const [, day = '', offset = 'Z'] = DAY.exec(text) ?? [];
  if (!isTimestamp(`${day}T00:00${offset}`) || day >= LAST_DAY) return null;
  const start = Date.parse(toUtc(`${day}T00:00${offset}`));
  return {
    start: new Date(start).toISOString(),
    end: new Date(start + DAY_MS).toISOString(),
  };
}

function readInstant(text: string): TimeValue | null {
  const span = /^([+-]?)(\d{1,6})(s|min|m|h|d|w)$/.exec(text);
  if (span) {
    const seconds = Number(span[2]) * (UNITS[span[3] ?? ''] ?? 0);
    return seconds <= MAX_SPAN_SECONDS
      ? { secondsAgo: seconds * (span[1] === '+' ? -1 : 1) }
      : null;
  }
  return isTimestamp(text) ? { at: toUtc(text) } : null;
}

/** Returns a day without an offset, or null for any other text. */
function bareDay(source: string): string | null {
  const text = unquoted(source);
  return DAY.exec(text)?.[2] === undefined && readDay(text) ? text : null;
}

function nextDay(day: string): string {
  return new Date(Date.parse(day) + DAY_MS).toISOString().slice(0, 10);
}

/** Uses the offset at the start of the day, so a clock change that skips midnight is handled. */
function dayWithOffset(day: string, zone: string): string {
  const offset = offsetText(Date.parse(day) - startOfDay(day, zone));
  return day < LAST_DAY ? day + offset : `${day}T00:00${offset}`;
}

/** Whether a day has 24 hours; a clock change makes it shorter or longer. */
function isWholeDay(day: string, zone: string): boolean {
  return startOfDay(nextDay(day), zone) - startOfDay(day, zone) === DAY_MS;
}

/** Adds the zone's offset to a time without one; null for any other text. */
function timeWithOffset(source: string, zone: string): string | null {
  const text = unquoted(source).replace(' ', 'T');
  if (!LOCAL_TIME.test(text) || !isTimestamp(text)) return null;
  const local = text.replace(/\.\d+$/, '');
  const instant = zonedToUtc(local, zone);
  return instant && text + offsetText(Date.parse(`${local}Z`) - Date.parse(instant));
}
