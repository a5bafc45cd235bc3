import { STEP_SIZE, type Steps } from './steps';

/*
 * A JSON parser without recursion, in steps. It reads each character once, so its time is linear in the text, whatever
 * the depth or the number of values. Scalars stay source text: 12345678901234567890 and 1.10 are printed as they were read.
 */

/** A JSON value whose scalars are stored as their source text. */
export type Json =
  | { kind: 'object'; entries: { key: string; value: Json }[] }
  | { kind: 'array'; items: Json[] }
  | { kind: 'scalar'; text: string };

export const scalar = (value: string | number | boolean | null): Json => ({
  kind: 'scalar',
  text: JSON.stringify(value),
});
export const object = (entries: [string, Json][]): Json => ({
  kind: 'object',
  entries: entries.map(([key, value]) => ({ key, value })),
});

/** Levels of containers that are parsed. Code that works on Json may recurse: it is never deeper. */
export const MAX_DEPTH = 500;
/** Replaces a container below MAX_DEPTH; compare by identity, because a string may say the same. */
export const TOO_DEEP: Json = scalar('[nested too deep]');

export function get(json: Json, key: string): Json | undefined {
  return json.kind === 'object'
    ? json.entries.find((entry) => entry.key === key)?.value
    : undefined;
}

/** A string scalar's value; undefined for anything else. */
export function stringOf(json: Json | undefined): string | undefined {
  if (json?.kind !== 'scalar' || !json.text.startsWith('"')) return undefined;
  return json.text.includes('\\') ? (JSON.parse(json.text) as string) : json.text.slice(1, -1);
}

type Container = Exclude<Json, { kind: 'scalar' }>;

const NUMBER = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const LITERALS: Record<number, string> = { 0x74: 'true', 0x66: 'false', 0x6e: 'null' };
/** Values that a large array repeats: one object serves all of them. */
const COMMON = new Map(
  ['true', 'false', 'null', '""', ...Array.from({ length: 100 }, (_, n) => String(n))].map(
    (text): [string, Json] => [text, { kind: 'scalar', text }],
  ),
);
/** Empty containers are values that a large array repeats too; nothing adds to a value that was parsed. */
const EMPTY: Record<Container['kind'], Json> = {
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
  const open: Container[] = [];
  const keys: string[] = [];
  let nextStep = STEP_SIZE;
  for (;;) {
    if (reader.at > nextStep) {
      nextStep = reader.at + STEP_SIZE;
      yield;
    }
    let value = reader.readValue(open.length);
    if (value === undefined) return undefined;
    if (value.kind !== 'scalar') {
      if (!reader.skipClosing(value)) {
        open.push(value);
        if (value.kind === 'object' && !reader.readKey(keys)) return undefined;
        continue;
      }
      value = EMPTY[value.kind];
    }
    // Attach the value, and each container that it completes.
    for (;;) {
      const top = open.at(-1);
      reader.skipSpace();
      if (!top) return reader.at === text.length ? value : undefined;
      if (top.kind === 'array') top.items.push(value);
      else top.entries.push({ key: keys.pop() ?? '', value });
      if (reader.skip(COMMA)) {
        if (top.kind === 'object' && !reader.readKey(keys)) return undefined;
        break;
      }
      if (!reader.skipClosing(top)) return undefined;
      open.pop();
      value = top;
    }
  }
}

class Reader {
  at = 0;

  constructor(private readonly text: string) {}

  /** A scalar, an empty container whose brackets follow, or undefined where neither begins. */
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
    return (text.length < 6 && COMMON.get(text)) || { kind: 'scalar', text };
  }

  /** Reads `"key":` and adds the key to `keys`. */
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

  /** Behind the closing quote of a valid string that begins at `from`; -1 for any other. */
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

  /** Skips a container whose content is not read; brackets inside strings do not count. */
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
