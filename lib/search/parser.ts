import { toUtc, isFilterText, isStoredTime, isTimestamp } from '../core/text';
import { isJobState } from '../good-job/types';
import {
  COLON,
  DURATION_FIELDS,
  EXECUTION_FIELDS,
  type ExecutionTerm,
  FIELDS,
  type FailureTerm,
  type Field,
  ID_FIELDS,
  type IdsTerm,
  MINUS,
  NUMBER_FIELDS,
  type NumberRange,
  type NumberTerm,
  TIME_FIELDS,
  type Term,
  type TimeBound,
  type TimeTerm,
  addZoneOffsets,
  parseBounds,
  parseDurationBounds,
  parseValues,
  tokenize,
} from './terms';

/*
 * The console's query language, `q`: words and `field:value` joined by AND, a comma for OR inside a
 * field, `-` for negation, and quotes. A word that cannot be parsed becomes a `not_understood`
 * term.
 */

const MAX_TERMS = 30;

const includes = <T extends string>(list: readonly T[], value: string): value is T =>
  (list as readonly string[]).includes(value);
type Common = Pick<Term, 'negated' | 'source' | 'param'>;

/**
 * Parses a query; never throws. Words beyond MAX_TERMS become one `not_understood` term. Days and
 * times without an offset get that of `zone`.
 */
export function parseQuery(query: string, zone = 'UTC'): Term[] {
  const words = tokenize(query);
  const terms = words
    .slice(0, MAX_TERMS)
    .map(({ text, hasOpenQuote }) => readTerm(text, { hasOpenQuote, zone }));
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

/** Prints terms as a query for the URL. */
export function printQuery(terms: Pick<Term, 'source'>[]): string {
  return terms.map((term) => term.source).join(' ');
}

/** Adds an offset to each day and time of a query that has none; null when nothing changes. */
export function addOffsets(query: string, zone: string): string | null {
  const words = tokenize(query);
  const terms = parseQuery(query, zone);
  const isChanged = terms.some(
    ({ kind, source }, n) => (kind === 'time' || kind === 'execution') && source !== words[n]?.text,
  );
  return isChanged ? printQuery(terms) : null;
}

const FIELD_NAME = /[\p{Script=Latin}_][\p{Script=Latin}\p{Nd}_]*/u;
/** A segment of a path, in quotes if it contains punctuation. */
const PATH_SEGMENT = /[.．](?:[^\s.．:："“”＂,，]*|"(?:[^"\\]|\\.)*")/u;
const FIELD = new RegExp(`^(${FIELD_NAME.source})((?:${PATH_SEGMENT.source})*)([:：])`, 'u');

/**
 * Splits a word into its field, its path and the offset of its value; null for a word without a
 * field.
 */
export function parseField(word: string): { name: string; path: string[]; valueAt: number } | null {
  const [head, name = '', path = '', colon = ''] = FIELD.exec(word) ?? [];
  if (head === undefined) return null;
  const rest = word.slice(head.length);
  // `Net::ReadTimeout` and `gid://app/User/1` are words, not fields.
  if (COLON.test(rest.charAt(0)) || (colon === ':' && rest.startsWith('//'))) return null;
  const field = name.normalize('NFKC').toLowerCase();
  // `RuntimeError:` is part of an error text.
  if (rest === '' && path === '' && field !== 'args' && !includes(FIELDS, field)) return null;
  // An empty path segment makes the path invalid.
  const isPath = !/[.．]{2}|[.．]$/.test(path);
  return {
    name: field,
    path: isPath ? parseValues(path.slice(1), /[.．]/).map(({ text }) => text) : [],
    valueAt: head.length,
  };
}

function readTerm(
  source: string,
  { hasOpenQuote, zone }: { hasOpenQuote: boolean; zone: string },
): Term {
  const negated = source.length > 1 && MINUS.test(source);
  const common: Common = { negated, source, param: 'q' };
  const body = negated ? source.slice(1) : source;
  const invalid = (reason: 'field' | 'value' | 'quote'): Term => ({
    ...common,
    kind: 'not_understood',
    reason,
  });
  if (!isFilterText(body))
    return { ...invalid('value'), source: source.replaceAll('\0', '\uFFFD') };
  if (hasOpenQuote) return invalid('quote');
  const field = parseField(body);
  if (!field)
    return textTerm(parseValues(body, null)[0]?.parts ?? [''], { ...common }, /["“”＂]/.test(body));
  const rest = body.slice(field.valueAt);
  if (field.name === 'args') {
    const texts = parseValues(rest).map(({ text }) => text);
    return field.path.length > 0 && texts.length > 0
      ? { ...common, kind: 'argument', path: field.path, values: texts }
      : invalid('value');
  }
  if (field.name === 'failure' && field.path.length === 0)
    return readFailure(rest, common) ?? invalid('value');
  if (field.path.length > 0 || !includes(FIELDS, field.name)) return invalid('field');
  if (includes(TIME_FIELDS, field.name) || includes(EXECUTION_FIELDS, field.name)) {
    const value = addZoneOffsets(rest, zone);
    const sourceWithOffsets = source.slice(0, source.length - rest.length) + value;
    return (
      readField(field.name, value, { ...common, source: sourceWithOffsets }) ?? invalid('value')
    );
  }
  return readField(field.name, rest, common) ?? invalid('value');
}

/**
 * Builds a text term from a word of `q` or from GoodJob's `query`. A quoted text is never an id.
 */
export function textTerm(parts: string[], common: Common, quoted = false): Term {
  const text = parts.join('*');
  return text.trim() === ''
    ? { ...common, kind: 'not_understood', reason: 'value' }
    : { ...common, kind: 'text', text, parts, id: quoted ? null : idDigits(text) };
}

/**
 * Returns the hex digits of a UUID or of at least its first 8 characters; null for any other text.
 */
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
  const input = text.toLowerCase().replace(/-$/, '');
  return input === canonical || input === digits ? digits : null;
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
  if (includes(DURATION_FIELDS, field)) {
    const bounds = parseDurationBounds(rest);
    return bounds && { ...common, kind: 'duration', field, bounds };
  }
  const whole = field === 'error' && /^[=＝]/.test(rest);
  const parsed = parseValues(whole ? rest.slice(1) : rest);
  if (parsed.length === 0) return null;
  if (field === 'state') {
    const states = parsed.map(({ text }) => text.normalize('NFKC').toLowerCase());
    return states.every(isJobState) ? { ...common, kind: 'match', field, values: states } : null;
  }
  if (includes(ID_FIELDS, field))
    return idsTerm(
      field,
      parsed.map(({ text }) => text.normalize('NFKC')),
      common,
    );
  return {
    ...common,
    kind: 'match',
    field,
    values: parsed.map(({ pattern }) => pattern),
    ...(whole && { whole }),
  };
}

/** Negation is rejected: jobs outside the scan window can't be classified. */
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
    since: toUtc(since),
    until: until !== undefined && isTimestamp(until) ? toUtc(until) : (until ?? null),
    ids: [],
  };
}

/** Builds a term of UUIDs or their beginnings; null if one of them is not an id. */
export function idsTerm(field: IdsTerm['field'], ids: string[], common: Common): IdsTerm | null {
  const digits = ids.map(idDigits);
  return digits.every((id) => id !== null)
    ? { ...common, kind: 'ids', field, values: digits }
    : null;
}

/** Parses `3`, `1,2`, `>=3` and `1..5`. */
function readNumber(field: NumberTerm['field'], rest: string, common: Common): NumberTerm | null {
  const ranges = rest.split(',').map((value): NumberRange | null => {
    const [, sign, single, low, high] =
      /^(?:(>=|<=|>|<)?(-?\d{1,9})|(-?\d{1,9})?\.\.(-?\d{1,9})?)$/.exec(value) ?? [];
    const number = Number(single);
    if (single !== undefined && sign === undefined) return { from: number, to: number };
    if (single !== undefined)
      return sign?.startsWith('>')
        ? { from: sign === '>' ? number + 1 : number, to: null }
        : { from: null, to: sign === '<' ? number - 1 : number };
    if (low === undefined && high === undefined) return null;
    return {
      from: low === undefined ? null : Number(low),
      to: high === undefined ? null : Number(high),
    };
  });
  return ranges.every((range) => range !== null)
    ? { ...common, kind: 'number', field, ranges }
    : null;
}

function withBounds<T>(text: string, termOf: (bounds: TimeBound[]) => T): T | null {
  const bounds = parseBounds(text);
  return bounds && termOf(bounds);
}
