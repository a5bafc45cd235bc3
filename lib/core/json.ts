import { STEP_SIZE, type Steps, type TextBudget, runInSteps, runToEnd } from './steps';
import { escapeBidi } from './text';

/*
 * A JSON parser without recursion that works in steps. It reads each character once, so its time is
 * linear in the text at any depth. Scalars stay source text, so 12345678901234567890 and 1.10 are
 * printed unchanged.
 */

/** A JSON value whose scalars are stored as their source text. */
export type Json =
  | { kind: 'object'; entries: { key: string; value: Json }[] }
  | { kind: 'array'; items: Json[] }
  | { kind: 'scalar'; text: string };

/** Creates a JSON scalar. */
export const scalar = (value: string | number | boolean | null): Json => ({
  kind: 'scalar',
  text: JSON.stringify(value),
});
/** Creates a JSON object with the entries in this order. */
export const object = (entries: [string, Json][]): Json => ({
  kind: 'object',
  entries: entries.map(([key, value]) => ({ key, value })),
});

/** Maximum nesting of a parsed value, which makes recursion over Json safe. */
const MAX_DEPTH = 500;
/** Replaces a container below MAX_DEPTH. Compare by identity: a string may have the same text. */
export const TOO_DEEP: Json = scalar('[nested too deep]');

/**
 * Returns the value of a key of an object; undefined for a missing key or another kind of value.
 */
export function memberOf(json: Json, key: string): Json | undefined {
  return json.kind === 'object'
    ? json.entries.find((entry) => entry.key === key)?.value
    : undefined;
}

/** Returns the value of a string scalar; undefined for anything else. */
export function stringOf(json: Json | undefined): string | undefined {
  if (json?.kind !== 'scalar' || !json.text.startsWith('"')) return undefined;
  return json.text.includes('\\') ? (JSON.parse(json.text) as string) : json.text.slice(1, -1);
}

type Container = Exclude<Json, { kind: 'scalar' }>;

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const LITERALS: Record<number, string> = { 0x74: 'true', 0x66: 'false', 0x6e: 'null' };
/** Common scalars share one object, which saves memory in large arrays. */
const SHARED_SCALARS = new Map(
  ['true', 'false', 'null', '""', ...Array.from({ length: 100 }, (_, n) => String(n))].map(
    (text): [string, Json] => [text, { kind: 'scalar', text }],
  ),
);
/** Empty containers share one object too; safe because nothing mutates a parsed value. */
const EMPTY_CONTAINERS: Record<Container['kind'], Json> = {
  array: { kind: 'array', items: [] },
  object: { kind: 'object', entries: [] },
};
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const COMMA = 0x2c;
const COLON = 0x3a;

/** Parses JSON in steps. Returns undefined for text that is not JSON. */
export function* parseSteps(text: string): Steps<Json | undefined> {
  const reader = new Reader(text);
  const openContainers: Container[] = [];
  const keys: string[] = [];
  let nextStep = STEP_SIZE;
  for (;;) {
    if (reader.at > nextStep) {
      nextStep = reader.at + STEP_SIZE;
      yield;
    }
    let value = reader.readValue(openContainers.length);
    if (value === undefined) return undefined;
    if (value.kind !== 'scalar') {
      if (!reader.skipClosing(value)) {
        openContainers.push(value);
        if (value.kind === 'object' && !reader.readKey(keys)) return undefined;
        continue;
      }
      value = EMPTY_CONTAINERS[value.kind];
    }
    // Attach the value, then each container that it completes.
    for (;;) {
      const top = openContainers.at(-1);
      reader.skipSpace();
      if (!top) return reader.at === text.length ? value : undefined;
      if (top.kind === 'array') top.items.push(value);
      else top.entries.push({ key: keys.pop() ?? '', value });
      if (reader.skip(COMMA)) {
        if (top.kind === 'object' && !reader.readKey(keys)) return undefined;
        break;
      }
      if (!reader.skipClosing(top)) return undefined;
      openContainers.pop();
      value = top;
    }
  }
}

class Reader {
  at = 0;

  constructor(private readonly text: string) {}

  /** Reads a scalar or opens a container; returns undefined for invalid JSON. */
  readValue(depth: number): Json | undefined {
    this.skipSpace();
    const char = this.text.charCodeAt(this.at);
    if (char === OPEN_ARRAY || char === OPEN_OBJECT) {
      if (depth >= MAX_DEPTH) return this.skipContainer() ? TOO_DEEP : undefined;
      this.at += 1;
      return char === OPEN_ARRAY ? { kind: 'array', items: [] } : { kind: 'object', entries: [] };
    }
    const end = this.endOfScalar(char);
    if (end < 0) return undefined;
    const from = this.at;
    this.at = end;
    const text = this.text.slice(from, end);
    return (text.length < 6 && SHARED_SCALARS.get(text)) || { kind: 'scalar', text };
  }

  /** Reads `"key":` and pushes the key; returns false for invalid JSON. */
  readKey(keys: string[]): boolean {
    this.skipSpace();
    if (this.text.charCodeAt(this.at) !== QUOTE) return false;
    const from = this.at;
    const end = this.endOfString(from);
    if (end < 0) return false;
    this.at = end;
    this.skipSpace();
    if (!this.skip(COLON)) return false;
    const source = this.text.slice(from, end);
    keys.push(source.includes('\\') ? (JSON.parse(source) as string) : source.slice(1, -1));
    return true;
  }

  skipSpace(): void {
    for (;;) {
      const char = this.text.charCodeAt(this.at);
      if (char !== 0x20 && char !== 0x0a && char !== 0x0d && char !== 0x09) return;
      this.at += 1;
    }
  }

  skip(char: number): boolean {
    if (this.text.charCodeAt(this.at) !== char) return false;
    this.at += 1;
    return true;
  }

  skipClosing(container: Container): boolean {
    this.skipSpace();
    return this.skip(container.kind === 'array' ? CLOSE_ARRAY : CLOSE_OBJECT);
  }

  private endOfScalar(char: number): number {
    if (char === QUOTE) return this.endOfString(this.at);
    const literal = LITERALS[char];
    if (literal) return this.text.startsWith(literal, this.at) ? this.at + literal.length : -1;
    NUMBER.lastIndex = this.at;
    return NUMBER.test(this.text) ? NUMBER.lastIndex : -1;
  }

  /** Returns the offset after the closing quote of the string at `from`; -1 if it is invalid. */
  private endOfString(from: number): number {
    const { text } = this;
    for (let at = from + 1; at < text.length; at += 1) {
      const char = text.charCodeAt(at);
      if (char === QUOTE) return at + 1;
      if (char < 0x20) return -1;
      if (char !== BACKSLASH) continue;
      at += 1;
      const escape = text[at] ?? '';
      if (escape === 'u') {
        if (!/^[0-9a-fA-F]{4}$/.test(text.slice(at + 1, at + 5))) return -1;
        at += 4;
      } else if (escape === '' || !'"\\/bfnrt'.includes(escape)) return -1;
    }
    return -1;
  }

  /** Skips a container without parsing it; ignores brackets inside strings. */
  private skipContainer(): boolean {
    const { text } = this;
    let depth = 0;
    for (; this.at < text.length; this.at += 1) {
      const char = text.charCodeAt(this.at);
      if (char === QUOTE) {
        const end = this.endOfString(this.at);
        if (end < 0) return false;
        this.at = end - 1;
      } else if (char === OPEN_ARRAY || char === OPEN_OBJECT) depth += 1;
      else if (char === CLOSE_ARRAY || char === CLOSE_OBJECT) {
        depth -= 1;
        if (depth === 0) {
          this.at += 1;
          return true;
        }
      }
    }
    return false;
  }
}

/*
 * Never uses JSON.parse on a whole document: it would change 12345678901234567890 and 1.10, and
 * reorder integer-like keys. Scalars keep the characters that Postgres returned, except that
 * bidirectional controls are printed as JSON escapes.
 */

/** Parses JSON without losing digits or key order. Throws SyntaxError for text that is not JSON. */
export function parseJson(text: string): Json {
  return validJson(runToEnd(parseSteps(text)));
}

function validJson(json: Json | undefined): Json {
  if (!json) throw new SyntaxError('The text is not JSON.');
  return json;
}

/**
 * Returns the replacement for a value, or undefined to keep it. `path` holds the object keys and
 * array indexes from the root; the array is reused, so a redactor must copy it to keep it.
 */
export type Redactor = (path: readonly (string | number)[], value: Json) => Json | undefined;

/**
 * Returns a copy with the redactor's replacements; all JSON that leaves the server passes through
 * this function.
 */
export function redactJson(json: Json, redactor: Redactor): Json {
  const path: (string | number)[] = [];
  const redact = (value: Json): Json => {
    const replacement = redactor(path, value);
    if (replacement) return replacement;
    if (value.kind === 'scalar') return value;
    const redactChild = (key: string | number, inner: Json) => {
      path.push(key);
      const redacted = redact(inner);
      path.pop();
      return redacted;
    };
    return value.kind === 'array'
      ? { kind: 'array', items: value.items.map((item, index) => redactChild(index, item)) }
      : {
          kind: 'object',
          entries: value.entries.map((entry) => ({
            key: entry.key,
            value: redactChild(entry.key, entry.value),
          })),
        };
  };
  return redact(json);
}

/** `parseJson` for large texts: yields to the event loop as often as `budget` requires. */
export async function parseJsonInSteps(text: string, budget?: TextBudget): Promise<Json> {
  return validJson(await runInSteps(parseSteps(text), budget));
}

/** `prettyJson` for large values: yields to the event loop. */
export const prettyJsonInSteps = (json: Json): Promise<string> =>
  runInSteps(printSteps(json, 'pretty'));

/**
 * Prints like Ruby's `JSON.pretty_generate`: two spaces, one entry per line, `{}` and `[]` if
 * empty.
 */
export const prettyJson = (json: Json): string => runToEnd(printSteps(json, 'pretty'));

/** Prints on one line. */
export const compactJson = (json: Json): string => runToEnd(printSteps(json, 'compact'));

/** `compactJson` for large values: yields to the event loop. */
export const compactJsonInSteps = (json: Json): Promise<string> =>
  runInSteps(printSteps(json, 'compact'));

interface Frame {
  container: Exclude<Json, { kind: 'scalar' }>;
  next: number;
}

const lengthOf = (container: Frame['container']): number =>
  container.kind === 'array' ? container.items.length : container.entries.length;

/** Prints JSON in steps, without recursion. */
export function* printSteps(json: Json, style: 'pretty' | 'compact'): Steps<string> {
  const isPretty = style === 'pretty';
  const colon = isPretty ? ': ' : ':';
  const indents = [''];
  const newLine = (depth: number): string => {
    if (!isPretty) return '';
    while (indents.length <= depth) indents.push(`\n${'  '.repeat(indents.length)}`);
    return depth === 0 ? '\n' : (indents[depth] ?? '');
  };
  const frames: Frame[] = [];
  const parts: string[] = [];
  let part = '';
  const print = (value: Json) => {
    if (value.kind === 'scalar') part += value.text;
    else if (lengthOf(value) === 0) part += value.kind === 'array' ? '[]' : '{}';
    else {
      part += value.kind === 'array' ? '[' : '{';
      frames.push({ container: value, next: 0 });
    }
  };
  print(json);
  while (frames.length > 0) {
    if (part.length > STEP_SIZE) {
      // Flattens the part: concatenation alone would keep an object per piece until the end.
      parts.push(escapeBidi(part));
      part = '';
      yield;
    }
    const frame = frames[frames.length - 1] as Frame;
    const { container, next } = frame;
    if (next === lengthOf(container)) {
      frames.pop();
      part += newLine(frames.length);
      part += container.kind === 'array' ? ']' : '}';
      continue;
    }
    frame.next += 1;
    part += (next > 0 ? ',' : '') + newLine(frames.length);
    if (container.kind === 'array') print(container.items[next] as Json);
    else {
      const entry = container.entries[next] as { key: string; value: Json };
      part += JSON.stringify(entry.key) + colon;
      print(entry.value);
    }
  }
  // A control character can only occur inside a string, where its escape has the same meaning.
  parts.push(escapeBidi(part));
  return parts.join('');
}
