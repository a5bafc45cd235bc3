import { JOB_STATES } from '../good-job/states';
import { isFilterText, isTimestamp, isUuid } from '../text';

/*
 * The console's own query language, `q`: words and `field:value`, AND by default, a comma is OR inside a field,
 * `-` negates, quotes hold a value together. What cannot be understood stays a term that says so.
 */

/** `>`, `>=`, `<`, `<=`, or `=` for one of the values. */
export type Comparison = '=' | '>' | '>=' | '<' | '<=';

export const TEXT_FIELDS = ['class', 'queue', 'label', 'cron', 'error'] as const;
export const ID_FIELDS = ['id', 'batch', 'callback_batch', 'process'] as const;
export const NUMBER_FIELDS = ['priority', 'attempts'] as const;
export const TIME_FIELDS = ['created', 'scheduled', 'performed', 'finished'] as const;
export const FIELDS = ['state', ...TEXT_FIELDS, ...ID_FIELDS, ...NUMBER_FIELDS, ...TIME_FIELDS] as const;
export type Field = (typeof FIELDS)[number];

interface Common {
  negated: boolean;
  /** The term as it was typed: the chip's text, and what the term is in the URL. */
  source: string;
}
export type Term = Common &
  (
    | { kind: 'text'; text: string }
    /** A value may end (or begin) with `*`: any characters. */
    | { kind: 'match'; field: 'state' | (typeof TEXT_FIELDS)[number]; values: string[] }
    | { kind: 'ids'; field: (typeof ID_FIELDS)[number]; values: string[] }
    | { kind: 'number'; field: (typeof NUMBER_FIELDS)[number]; comparison: Comparison; values: number[] }
    | { kind: 'time'; field: (typeof TIME_FIELDS)[number]; comparison: Exclude<Comparison, '='>; time: TimeValue }
    /** `args.0.invoice_id:4711`: the value at that path of the arguments, as JSON prints it. */
    | { kind: 'argument'; path: string[]; values: string[] }
    | { kind: 'not_understood'; reason: 'field' | 'value' | 'quote' }
  );

/** An instant, or a span before now (`2h`; negative: after now). Seconds. */
export type TimeValue = { at: string } | { secondsAgo: number };

const MAX_TERMS = 30;
const UNITS: Record<string, number> = { s: 1, m: 60, min: 60, h: 3600, d: 86_400, w: 604_800 };
const isField = (name: string): name is Field => (FIELDS as readonly string[]).includes(name);
const includes = <T extends string>(list: readonly T[], value: string): value is T => (list as readonly string[]).includes(value);

/** Reads a query; never throws. */
export function parseQuery(query: string): Term[] {
  const terms = split(query).map(readTerm);
  return terms.length <= MAX_TERMS ? terms : [...terms.slice(0, MAX_TERMS), { kind: 'not_understood', reason: 'value', negated: false, source: terms.slice(MAX_TERMS).map((term) => term.source).join(' ').slice(0, 80) }];
}

/** The query that these terms are: what the URL says. */
export function printQuery(terms: Pick<Term, 'source'>[]): string {
  return terms.map((term) => term.source).join(' ');
}

/** Puts a value into quotes where the language needs them. */
export function quote(value: string): string {
  return value === '' || /[\s",*]|^-|^[\w.]+:/.test(value) ? `"${value.replaceAll('"', '\\"')}"` : value;
}

/** At white space (the ideographic one too) that is not inside quotes. */
function split(query: string): string[] {
  return query.match(/(?:[^\s"]|"(?:[^"\\]|\\.)*"?)+/gu) ?? [];
}

function readTerm(source: string): Term {
  const negated = source.length > 1 && source.startsWith('-');
  const common = { negated, source };
  const body = negated ? source.slice(1) : source;
  if (!isFilterText(body)) return { ...common, source: source.replaceAll('\0', '').slice(0, 80), kind: 'not_understood', reason: 'value' };
  if ((body.replaceAll(/\\./g, '').match(/"/g) ?? []).length % 2 === 1) return { ...common, kind: 'not_understood', reason: 'quote' };
  const colon = /^([A-Za-z_][\w.]*):(.*)$/su.exec(body);
  // `Net::ReadTimeout` and `gid://app/User/1` are words, not fields.
  if (!colon || colon[2]?.startsWith(':') || colon[2]?.startsWith('//')) return { ...common, kind: 'text', text: unquote(body) };
  const [, name = '', rest = ''] = colon;
  const field = name.toLowerCase();
  const bad = (reason: 'field' | 'value'): Term => ({ ...common, kind: 'not_understood', reason });
  if (field.startsWith('args.')) {
    const path = name.slice(5).split('.');
    const values = readValues(rest);
    return path.every((part) => part !== '') && values.length > 0 ? { ...common, kind: 'argument', path, values: values.map((v) => v.text) } : bad('value');
  }
  if (!isField(field)) return bad('field');
  return readField(field, rest, common) ?? bad('value');
}

function readField(field: Field, rest: string, common: Common): Term | null {
  if (includes(NUMBER_FIELDS, field)) return readNumber(field, rest, common);
  if (includes(TIME_FIELDS, field)) return readTime(field, rest, common);
  const values = readValues(rest);
  if (values.length === 0) return null;
  if (field === 'state') return values.every((v) => includes(JOB_STATES, v.text.toLowerCase())) ? { ...common, kind: 'match', field, values: values.map((v) => v.text.toLowerCase()) } : null;
  if (includes(ID_FIELDS, field)) {
    const ids = values.map((v) => v.text.toLowerCase());
    const readable = field === 'id' ? ids.every((id) => isUuid(id) || /^[0-9a-f]{8}[0-9a-f-]*$/.test(id)) : ids.every(isUuid);
    return readable ? { ...common, kind: 'ids', field, values: ids } : null;
  }
  // A quoted star is a star.
  return { ...common, kind: 'match', field, values: values.map((v) => (v.quoted ? v.text.replaceAll(/[\\*]/g, '\\$&') : v.text)) };
}

function readNumber(field: (typeof NUMBER_FIELDS)[number], rest: string, common: Common): Term | null {
  const [, sign = '', body = ''] = /^(>=|<=|>|<)?(.*)$/s.exec(rest) ?? [];
  const values = body.split(',').map((value) => (/^-?\d{1,9}$/.test(value) ? Number(value) : NaN));
  if (values.some(Number.isNaN) || (sign !== '' && values.length > 1)) return null;
  return { ...common, kind: 'number', field, comparison: (sign || '=') as Comparison, values };
}

/** `created:>2h` is after two hours ago; `created:<2026-11-01` before that day began (UTC, unless a zone is written). */
function readTime(field: (typeof TIME_FIELDS)[number], rest: string, common: Common): Term | null {
  const [, sign = '', body = ''] = /^(>=|<=|>|<)(.*)$/s.exec(rest) ?? [];
  const span = /^([+-]?)(\d{1,6})(s|min|m|h|d|w)$/.exec(body);
  const text = unquote(body);
  const time: TimeValue | null = span
    ? { secondsAgo: Number(span[2]) * (UNITS[span[3] ?? ''] ?? 0) * (span[1] === '+' ? -1 : 1) }
    : /^\d{4}-\d\d-\d\d$/.test(text) && isTimestamp(`${text}T00:00:00Z`)
      ? { at: `${text}T00:00:00Z` }
      : isTimestamp(text)
        ? { at: /(Z|UTC|[+-]\d\d:?\d\d)$/.test(text.slice(10)) ? text : `${text}Z` }
        : null;
  return sign && time ? { ...common, kind: 'time', field, comparison: sign as Exclude<Comparison, '='>, time } : null;
}

function readValues(rest: string): { text: string; quoted: boolean }[] {
  const parts = rest.match(/(?:[^,"]|"(?:[^"\\]|\\.)*")+/gu) ?? [];
  return parts.map((part) => ({ text: unquote(part), quoted: part.startsWith('"') })).filter(({ text, quoted }) => text !== '' || quoted);
}

function unquote(text: string): string {
  return text.replaceAll(/"((?:[^"\\]|\\.)*)"/gs, (_, inner: string) => inner.replaceAll(/\\(["\\])/g, '$1'));
}
