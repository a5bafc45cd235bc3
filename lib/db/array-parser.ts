/** An array of Postgres; one of several dimensions holds arrays. */
export type TextArray = (string | null | TextArray)[];

/** Ends an element without quotes. */
const DELIMITER = /[,}]/g;
/** Ends a part of an element inside quotes. */
const QUOTE_OR_BACKSLASH = /["\\]/g;

/**
 * An array as Postgres prints it (`array_out`): `{a,"b c",NULL}`, also with bounds (`[0:1]={a,b}`). Each element is a
 * slice of the text, so the time is linear in the text whatever it holds; the parser of `pg` copies it character by
 * character. Throws Error for a text that Postgres does not print.
 */
export function parseTextArray(text: string): TextArray {
  const root: TextArray = [];
  const open: TextArray[] = [];
  let at = text.startsWith('[') ? text.indexOf('=') + 1 : 0;
  while (at < text.length) {
    const char = text[at];
    const current = open[open.length - 1];
    if (char === '{') {
      const array = current ? [] : root;
      current?.push(array);
      open.push(array);
      at += 1;
    } else if (!current) break;
    else if (char === '}') {
      open.pop();
      at += 1;
    } else if (char === ',') at += 1;
    else if (char === '"') {
      const { value, end } = quotedAt(text, at + 1);
      current.push(value);
      at = end;
    } else {
      const end = indexOfNext(DELIMITER, text, at);
      const value = text.slice(at, end);
      current.push(value === 'NULL' ? null : value);
      at = end;
    }
  }
  if (open.length > 0 || at !== text.length || at === 0)
    throw new Error('The text is no array of Postgres.');
  return root;
}

/** The element that begins behind a quote, and the offset behind its closing quote. */
function quotedAt(text: string, from: number): { value: string; end: number } {
  let value = '';
  let copied = from;
  for (let at = from; ;) {
    const next = indexOfNext(QUOTE_OR_BACKSLASH, text, at);
    value += text.slice(copied, next);
    if (text[next] !== '\\') return { value, end: next + 1 };
    // The character behind a backslash is itself.
    copied = next + 1;
    at = next + 2;
  }
}

/** The offset of the first match from here on; the length of the text where there is none. */
function indexOfNext(pattern: RegExp, text: string, from: number): number {
  pattern.lastIndex = from;
  return pattern.exec(text)?.index ?? text.length;
}
