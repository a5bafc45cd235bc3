import { inUtc, isFilterText, isStoredTime, isTimestamp } from '../core/text';
import { isJobState } from '../good-job/states';
import {
  EXECUTION_FIELDS,
  type ExecutionTerm,
  FIELDS,
  type FailureTerm,
  type Field,
  ID_FIELDS,
  type IdsTerm,
  NUMBER_FIELDS,
  type NumberRange,
  type NumberTerm,
  TIME_FIELDS,
  type Term,
  type TimeBound,
  type TimeTerm,
  readBounds,
  withOffsets,
} from './terms';
import { COLON, MINUS, tokens, values } from './tokens';

/*
 * The console's own query language, `q`: words and `field:value`, AND by default, a comma is OR inside a field,
 * `-` negates, quotes hold a value together. What cannot be understood stays a term that says so.
 */

const MAX_TERMS = 30;

const includes = <T extends string>(list: readonly T[], value: string): value is T =>
  (list as readonly string[]).includes(value);
type Common = Pick<Term, 'negated' | 'source' | 'param'>;

/**
 * Reads a query; never throws. Words beyond MAX_TERMS are not read: together they are one term that is not understood.
 * Days and times without an offset are in `zone`, and the terms have them with it.
 */
export function parseQuery(query: string, zone = 'UTC'): Term[] {
  const words = tokens(query);
  const terms = words.slice(0, MAX_TERMS).map(({ text, open }) => readTerm(text, { open, zone }));
  if (words.length <= MAX_TERMS) return terms;
  const rest = words.slice(MAX_TERMS).map(({ text }) => text);
  return [
    ...terms,
    {
      kind: 'not_understood',
      reason: 'value',
      negated: false,
      param: 'q',
      source: rest.join(' ').replaceAll('\0', '\uFFFD'),
    },
  ];
}

/** The query that these terms are: what the URL says. */
export function printQuery(terms: Pick<Term, 'source'>[]): string {
  return terms.map((term) => term.source).join(' ');
}

/** The query with an offset on each of its days and times; null: it has none without. */
export function addOffsets(query: string, zone: string): string | null {
  const words = tokens(query);
  const terms = parseQuery(query, zone);
  const isChanged = terms.some(
    ({ kind, source }, n) => (kind === 'time' || kind === 'execution') && source !== words[n]?.text,
  );
  return isChanged ? printQuery(terms) : null;
}

/** `field:` of a word, and where its value begins; null when the word is none of a field. */
export function fieldOf(word: string): { name: string; path: string[]; valueAt: number } | null {
  const [head, name = '', path = '', colon = ''] =
    /^([\p{Script=Latin}_][\p{Script=Latin}\p{Nd}_]*)((?:[.．](?:[^\s.．:："“”＂,，]*|"(?:[^"\\]|\\.)*"))*)([:：])/u.exec(
      word,
    ) ?? [];
  if (head === undefined) return null;
  const rest = word.slice(head.length);
  // `Net::ReadTimeout` and `gid://app/User/1` are words, not fields.
  if (COLON.test(rest.charAt(0)) || (colon === ':' && rest.startsWith('//'))) return null;
  const field = name.normalize('NFKC').toLowerCase();
  // `RuntimeError:` is a word of an error's text.
  if (rest === '' && path === '' && field !== 'args' && !includes(FIELDS, field)) return null;
  // A path with nothing between its dots is none.
  const isPath = !/[.．]{2}|[.．]$/.test(path);
  return {
    name: field,
    path: isPath ? values(path.slice(1), /[.．]/).map(({ text }) => text) : [],
    valueAt: head.length,
  };
}

function readTerm(source: string, { open, zone }: { open: boolean; zone: string }): Term {
  const negated = source.length > 1 && MINUS.test(source);
  const common: Common = { negated, source, param: 'q' };
  const body = negated ? source.slice(1) : source;
  const bad = (reason: 'field' | 'value' | 'quote'): Term => ({
    ...common,
    kind: 'not_understood',
    reason,
  });
  if (!isFilterText(body)) return { ...bad('value'), source: source.replaceAll('\0', '\uFFFD') };
  if (open) return bad('quote');
  const field = fieldOf(body);
  if (!field)
    return readText(values(body, null)[0]?.parts ?? [''], { ...common }, /["“”＂]/.test(body));
  const rest = body.slice(field.valueAt);
  if (field.name === 'args') {
    const found = values(rest).map(({ text }) => text);
    return field.path.length > 0 && found.length > 0
      ? { ...common, kind: 'argument', path: field.path, values: found }
      : bad('value');
  }
  if (field.name === 'failure' && field.path.length === 0)
    return readFailure(rest, common) ?? bad('value');
  if (field.path.length > 0 || !includes(FIELDS, field.name)) return bad('field');
  if (includes(TIME_FIELDS, field.name) || includes(EXECUTION_FIELDS, field.name)) {
    const value = withOffsets(rest, zone);
    const own = { ...common, source: source.slice(0, source.length - rest.length) + value };
    return readField(field.name, value, own) ?? bad('value');
  }
  return readField(field.name, rest, common) ?? bad('value');
}

/** A text to search for: a word of `q`, or all of GoodJob's `query`. A quoted one is never an id. */
export function readText(parts: string[], common: Common, quoted = false): Term {
  const text = parts.join('*');
  return text.trim() === ''
    ? { ...common, kind: 'not_understood', reason: 'value' }
    : { ...common, kind: 'text', text, parts, id: quoted ? null : idDigits(text) };
}

/** The hex digits of a UUID or of its first 8 characters or more; null for anything else. */
export function idDigits(text: string): string | null {
  const digits = text.toLowerCase().replaceAll('-', '');
  if (!/^[0-9a-f]{8,32}$/.test(digits)) return null;
  const canonical = [
    digits.slice(0, 8),
    digits.slice(8, 12),
    digits.slice(12, 16),
    digits.slice(16, 20),
    digits.slice(20),
  ]
    .filter(Boolean)
    .join('-');
  const typed = text.toLowerCase().replace(/-$/, '');
  return typed === canonical || typed === digits ? digits : null;
}

function readField(field: Field, rest: string, common: Common): Term | null {
  if (includes(NUMBER_FIELDS, field)) return readNumber(field, rest.normalize('NFKC'), common);
  if (includes(TIME_FIELDS, field))
    return withBounds(rest, (bounds): TimeTerm => ({ ...common, kind: 'time', field, bounds }));
  if (includes(EXECUTION_FIELDS, field))
    return withBounds(rest, (bounds): ExecutionTerm => ({
      ...common,
      kind: 'execution',
      field,
      bounds,
    }));
  const whole = field === 'error' && /^[=＝]/.test(rest);
  const found = values(whole ? rest.slice(1) : rest);
  if (found.length === 0) return null;
  if (field === 'state') {
    const states = found.map(({ text }) => text.normalize('NFKC').toLowerCase());
    return states.every(isJobState) ? { ...common, kind: 'match', field, values: states } : null;
  }
  if (includes(ID_FIELDS, field))
    return readIds(
      field,
      found.map(({ text }) => text.normalize('NFKC')),
      common,
    );
  return {
    ...common,
    kind: 'match',
    field,
    values: found.map(({ pattern }) => pattern),
    ...(whole && { whole }),
  };
}

/** Nobody can want all but a group: of those that are not looked at nobody knows whether they are of it. */
function readFailure(rest: string, common: Common): FailureTerm | null {
  const [, fingerprint, since = '', until] =
    /^([0-9a-f]{16})@((?:(?!\.\.).)+)(?:\.\.(.+))?$/.exec(rest) ?? [];
  if (
    fingerprint === undefined ||
    common.negated ||
    !isTimestamp(since) ||
    (until !== undefined && !isStoredTime(until))
  )
    return null;
  return {
    ...common,
    kind: 'failure',
    fingerprint,
    since: inUtc(since),
    until: until !== undefined && isTimestamp(until) ? inUtc(until) : (until ?? null),
    ids: [],
  };
}

export function readIds(field: IdsTerm['field'], ids: string[], common: Common): IdsTerm | null {
  const digits = ids.map(idDigits);
  return digits.every((id) => id !== null)
    ? { ...common, kind: 'ids', field, values: digits }
    : null;
}

/** `3`, `1,2`, `>=3`, `1..5`. */
function readNumber(field: NumberTerm['field'], rest: string, common: Common): NumberTerm | null {
  const ranges = rest.split(',').map((value): NumberRange | null => {
    const [, sign, one, low, high] =
      /^(?:(>=|<=|>|<)?(-?\d{1,9})|(-?\d{1,9})?\.\.(-?\d{1,9})?)$/.exec(value) ?? [];
    const number = Number(one);
    if (one !== undefined && sign === undefined) return { from: number, to: number };
    if (one !== undefined)
      return sign?.startsWith('>')
        ? { from: sign === '>' ? number + 1 : number, to: null }
        : { from: null, to: sign === '<' ? number - 1 : number };
    return low === undefined && high === undefined
      ? null
      : {
          from: low === undefined ? null : Number(low),
          to: high === undefined ? null : Number(high),
        };
  });
  return ranges.every((range) => range !== null)
    ? { ...common, kind: 'number', field, ranges }
    : null;
}

function withBounds<T>(text: string, termOf: (bounds: TimeBound[]) => T): T | null {
  const bounds = readBounds(text);
  return bounds && termOf(bounds);
}
