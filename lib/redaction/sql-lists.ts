import type { Steps } from '../core/steps';
import { isSpace, isWordPart } from './chars';
import type { NameJudge } from './keys';
import { isPlainValue } from './plain-values';
import { Pacer, type Scan, execFrom } from './scan';
import type { Span } from './spans';

/*
 * Columns in brackets and their values: `(email, password) VALUES ('a', '…'), ('b', '…')`, `(email, password) = ('a', '…')`,
 * and PostgreSQL's `Key (email, lower(token))=(a, …)`. The values in the places of secret columns are hidden; of a row with
 * another number of values, all. The rule remembers the open brackets, so a list may have any length; what is inside of a
 * list that has values belongs to no other list.
 */

/** What stands between columns and values. */
const SIGN =
  /\s*(?:=|(?:OVERRIDING\s{1,8}\w{1,10}\s{1,8}VALUE\s+)?VALUES|(?:NOT\s{1,8})?IN)\s*(?=\()/iy;
const NEXT_ROW = /\s*,\s*(?=\()/y;
const IDENTIFIER = /[\p{L}\p{N}_$]{1,128}/gu;
const MAX_EXPRESSION_LENGTH = 500;
/** The bracket behind the values of PostgreSQL's message, or the next values of the line. */
const DETAIL_END =
  /\)(?=(?: already exists| is not present| is still referenced| conflicts with| is duplicated|[はがの]))|\)=\(|[\r\n]/g;

export function* sqlLists({ text, keys, hide }: Scan): Steps<void> {
  if (!text.includes(')')) return;
  const pacer = new Pacer();
  let open: number[] = [];
  for (let at = 0; at < text.length; at += 1) {
    if (pacer.isDue(at)) yield;
    const code = text.charCodeAt(at);
    if (code === 0x28) open.push(at);
    if (code !== 0x29) continue;
    const from = open.pop();
    const sign = from === undefined ? null : execFrom(SIGN, text, at + 1);
    if (from === undefined || !sign) continue;
    open = [];
    const names = partsUntil(text, from + 1, at).map((part) =>
      secretName(text.slice(part.from, part.to), keys),
    );
    const values = at + 1 + sign[0].length;
    if (!names.some((name) => name !== null)) {
      at = values - 1;
      continue;
    }
    const isDetail = sign[0] === '=' && text[values + 1] !== "'";
    if (isDetail) at = hideDetail(text, values, names, hide) - 1;
    else at = (yield* hideRows(text, values, names, hide)) - 1;
  }
}

type Names = readonly (string | null)[];

/** The secret name that an expression over columns has: `lower(api_token::text)`; null: it has none. */
function secretName(expression: string, keys: NameJudge): string | null {
  const own = expression.slice(0, MAX_EXPRESSION_LENGTH).replaceAll(/^\W+|\W+$/g, '');
  if (keys.isSecret(own)) return own;
  return own.match(IDENTIFIER)?.find((name) => keys.isSecret(name)) ?? null;
}

/** The values of rows in SQL from this bracket on; returns where they end. */
function* hideRows(text: string, start: number, names: Names, hide: Scan['hide']): Steps<number> {
  const pacer = new Pacer();
  let at = start;
  // The rows of `IN ((1, 2), (3, 4))` have a bracket around them.
  const inner = execFrom(/\(\s*(?=\()/y, text, at);
  if (inner) at += inner[0].length;
  while (text[at] === '(') {
    const row = rowAt(text, at + 1);
    row.values.forEach(({ from, to }, n) => {
      if (row.values.length !== names.length || names[n] !== null) hide(from, to);
    });
    const comma = execFrom(NEXT_ROW, text, row.to);
    at = row.to + (comma?.[0].length ?? 0);
    if (pacer.isDue(at)) yield;
    if (!comma) break;
  }
  return at;
}

/** The values of a message of PostgreSQL, which writes them as they are; returns where they end. */
function hideDetail(text: string, start: number, names: Names, hide: Scan['hide']): number {
  const from = start + 1;
  const to = endOfDetail(text, from);
  const values = text.slice(from, to).split(', ');
  if (values.length !== names.length) {
    hide(from, to);
    return to;
  }
  let at = from;
  for (const [n, value] of values.entries()) {
    const name = names[n] ?? null;
    if (name !== null && !isPlainValue(name, value)) hide(at, at + value.length);
    at += value.length + 2;
  }
  return to;
}

/** The bracket before the rest of the message, or the first one with no word right behind it. */
function endOfDetail(text: string, from: number): number {
  const end = execFrom(DETAIL_END, text, from);
  if (end?.[0] === ')') return end.index;
  const limit = end ? end.index + 1 : text.length;
  for (let at = text.indexOf(')', from); at >= 0 && at < limit; at = text.indexOf(')', at + 1))
    if (text[at + 1] !== ')' && !isWordPart(text.charCodeAt(at + 1))) return at;
  return end?.[0] === ')=(' ? end.index : limit;
}

/** The values up to the closing bracket; those in quotes without them. */
function rowAt(text: string, start: number): { values: Span[]; to: number } {
  const values = partsUntil(text, start, text.length);
  const end = values.at(-1)?.to ?? start;
  return {
    values: values.map(({ from, to }) => trimmed(text, from, to)),
    to: Math.min(text.length, end + 1),
  };
}

/** What commas separate up to the limit, or up to the bracket that closes the list; quotes and inner brackets are whole. */
function partsUntil(text: string, start: number, limit: number): Span[] {
  const parts: Span[] = [];
  let [from, quoted, depth] = [start, false, 0];
  for (let at = start; at < limit; at += 1) {
    const char = text[at];
    if (char === "'") quoted = !quoted;
    else if (quoted) continue;
    else if (char === '(') depth += 1;
    else if (char === ')' && depth > 0) depth -= 1;
    else if (depth === 0 && (char === ',' || char === ')')) {
      parts.push({ from, to: at });
      from = at + 1;
      if (char === ')') return parts;
    }
  }
  return [...parts, { from, to: limit }];
}

function trimmed(text: string, start: number, end: number): Span {
  const isEdge = (at: number) => text[at] === "'" || isSpace(text.charCodeAt(at));
  let [from, to] = [start, end];
  while (from < to && isEdge(from)) from += 1;
  while (to > from && isEdge(to - 1)) to -= 1;
  return { from, to };
}
