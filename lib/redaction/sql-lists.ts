import type { Steps } from '../core/steps';
import { isSpace } from './chars';
import { Pacer, type Scan, execFrom } from './scan';
import type { Span } from './spans';

/*
 * `(email, password) VALUES ('a', '…'), ('b', '…')`: the values in the places of secret columns; of a row with another
 * number of values, all. The list of columns is looked for in the MAX_COLUMNS characters before the word.
 */

const MAX_COLUMNS = 500;
const VALUES = /\bVALUES\s{0,3}(?=\()/gi;
const COLUMNS = /\(([^()]{1,500})\)\s{1,3}$/;
const NEXT_ROW = /\s{0,3},\s{0,3}(?=\()/y;

export function* sqlLists({ text, keys, hide }: Scan): Steps<void> {
  const pacer = new Pacer();
  for (let at = 0; ;) {
    const match = execFrom(VALUES, text, at);
    if (!match) return;
    at = match.index + match[0].length;
    if (pacer.isDue(at)) yield;
    const names = columnsBefore(text, match.index);
    const isSecret = names.map((name) => keys.isSecret(name));
    if (!isSecret.includes(true)) continue;
    while (text[at] === '(') {
      const row = rowAt(text, at + 1);
      row.values.forEach(({ from, to }, n) => {
        if (isSecret[n] || row.values.length !== names.length) hide(from, to);
      });
      const comma = execFrom(NEXT_ROW, text, row.to);
      at = row.to + (comma?.[0].length ?? 0);
      if (pacer.isDue(at)) yield;
      if (!comma) break;
    }
  }
}

function columnsBefore(text: string, at: number): string[] {
  const open = text.slice(Math.max(0, at - MAX_COLUMNS - 5), at).lastIndexOf('(');
  if (open < 0) return [];
  const before = text.slice(Math.max(0, at - MAX_COLUMNS - 5) + open, at);
  return COLUMNS.exec(before)?.[1]?.split(',') ?? [];
}

/** The values up to the closing bracket; those in quotes without them. */
function rowAt(text: string, start: number): { values: Span[]; to: number } {
  const values: Span[] = [];
  let [from, quoted, depth] = [start, false, 0];
  for (let at = start; at < text.length; at += 1) {
    const char = text[at];
    if (char === "'") quoted = !quoted;
    else if (quoted) continue;
    else if (char === '(') depth += 1;
    else if (char === ')' && depth > 0) depth -= 1;
    else if (depth === 0 && (char === ',' || char === ')')) {
      values.push(trimmed(text, from, at));
      from = at + 1;
      if (char === ')') return { values, to: at + 1 };
    }
  }
  return { values: [...values, trimmed(text, from, text.length)], to: text.length };
}

function trimmed(text: string, start: number, end: number): Span {
  const isEdge = (at: number) => text[at] === "'" || isSpace(text.charCodeAt(at));
  let [from, to] = [start, end];
  while (from < to && isEdge(from)) from += 1;
  while (to > from && isEdge(to - 1)) to -= 1;
  return { from, to };
}
