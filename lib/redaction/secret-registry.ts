import { STEP_SIZE, type Steps, runToEnd } from '../core/steps';
import { multilineRegExp } from '../core/text';
import { type Pattern, PatternSet } from './pattern-set';
import { SpanMask, replaceSpans } from './scan';
import { type TextView, joinBase64Lines, viewsOf } from './text-view';

/** Shorter values occur everywhere by chance. */
export const MIN_SECRET_LENGTH = 4;
/** Shorter lines of a multi-line value are not searched. */
const MIN_LINE_LENGTH = 8;
/** Limits per row, in values and pattern characters. Beyond them the registry overflows. */
export const MAX_VALUES = 5_000;
export const MAX_PATTERN_CHARS = 250_000;
/** Characters per row of hidden values that are searched for credentials. */
const MAX_PARTS_CHARS = 500_000;
/**
 * Only this many bytes are searched in hexadecimal and base64. A match extends to the end of the
 * encoded run.
 */
const ENCODED_BYTES = 18;
/** Shorter values occur in base64 by chance. */
const MIN_BASE64_LENGTH = 6;
const QUOTES = ["'", '"'];
/** An escape or a line break: a text without them has only its raw view. */
const HAS_VIEWS = /[\\%&\n]/;
/** Words too common to search for. */
const COMMON_WORD = multilineRegExp('iu')`
  ^(?:
    true|false|null|none|nil|undefined|unknown|default|string|number|object|value|bearer|basic
    |digest|password|passwd|secret|token|\[redacted\]|[\s\p{P}]*
  )$`;

/** Whether the text is long and unusual enough to repeat a hidden value. */
export const couldRepeatSecret = (text: string): boolean => {
  const trimmed = text.trim();
  return trimmed.length >= MIN_SECRET_LENGTH && !COMMON_WORD.test(trimmed);
};

/**
 * The hidden values of one row: a job with its executions, or a batch. Their repeats in the row's
 * error or under another key are hidden too, also when encoded for URLs, JSON or HTML, or in
 * hexadecimal or base64.
 */
export class SecretRegistry {
  /** A value was hidden, even if it is too short to search for its repeats. */
  hasRedactions = false;
  /**
   * The row was not read completely or has too many values, so any of its texts may repeat an
   * unregistered value.
   */
  overflowed = false;
  private readonly values = new Set<string>();
  /** Encoded patterns. Values with the same prefix share them. */
  private readonly encoded = new Set<string>();
  private chars = 0;
  private partsChars = 0;
  /** Values already searched for credentials. MAX_PARTS_CHARS bounds their total length. */
  private readonly searchedValues = new Set<string>();
  /** Patterns that are not in `sets` yet. */
  private pending: Pattern[] = [];
  /** Each set is more than twice as large as the next, so a pattern is rebuilt O(log n) times. */
  private readonly sets: PatternSet[] = [];

  /** The number of values. */
  get size(): number {
    return this.values.size;
  }

  /** Adds a hidden value, also in its unescaped forms. */
  add(value: string): void {
    this.hasRedactions = true;
    this.addValue(value);
    // A value that is escaped in the row may be repeated without escapes.
    if (/[\\%&]/.test(value)) for (const view of viewsOf(value)) if (view) this.addValue(view.text);
    // SQL and CSV double quotes inside a value.
    for (const quote of QUOTES)
      if (value.includes(quote + quote)) this.addValue(value.replaceAll(quote + quote, quote));
  }

  /**
   * Marks the value as searched for credentials. False if it already was, because a text may repeat
   * a value often.
   */
  markSearched(value: string): boolean {
    const { size } = this.searchedValues;
    return this.searchedValues.add(value).size > size;
  }

  /**
   * Reserves characters for the search for credentials. False once the limit is exceeded: the
   * registry overflows.
   */
  spendPartsBudget(chars: number): boolean {
    this.partsChars += chars;
    if (this.partsChars > MAX_PARTS_CHARS) this.overflowed = true;
    return !this.overflowed;
  }

  /**
   * The text with every value of the registry replaced by the marker. Once the registry has
   * overflowed, only a text that is a value: the caller hides each text that could repeat one.
   */
  hideIn(text: string, marker: string): string {
    return runToEnd(this.hideSteps(text, marker));
  }

  /** `hideIn` as a generator that yields between bounded steps. */
  *hideSteps(text: string, marker: string): Steps<string> {
    if (!this.overflowed && this.values.size > 0) yield* this.build();
    const redacted = this.hideNow(text, marker);
    if (redacted !== null) return redacted;
    const mask = new SpanMask(text.length);
    for (const view of viewsOf(text)) {
      if (!view) {
        yield;
        continue;
      }
      yield* this.matchIn(view, mask);
      const joined = yield* joinBase64Lines(view);
      if (joined) yield* this.matchIn(joined, mask);
    }
    return replaceSpans(text, mask.spans(), marker);
  }

  /** `hideIn` for a short text without escapes; null: `hideSteps` must hide in it. */
  hideNow(text: string, marker: string): string | null {
    if (text.length < MIN_SECRET_LENGTH) return text;
    if (this.overflowed) return this.values.has(text.trim()) ? marker : text;
    if (this.values.size === 0) return text;
    if (this.pending.length > 0 || text.length > STEP_SIZE || HAS_VIEWS.test(text)) return null;
    const mask = new SpanMask(text.length);
    for (const set of this.sets) set.search(text, (from, to) => mask.add(from, to)).advance();
    return replaceSpans(text, mask.spans(), marker);
  }

  private *matchIn(view: TextView, mask: SpanMask): Steps<void> {
    for (const set of this.sets) {
      const search = set.search(view.text, (from, to) =>
        mask.add(view.sourceOffset(from), view.sourceOffset(to)),
      );
      while (search.advance()) yield;
    }
  }

  private addValue(value: string): void {
    const trimmed = value.trim();
    if (!this.addPatterns(trimmed)) return;
    // Of `Bearer user:abc`, other texts may repeat `user:abc` or only `abc`.
    const last = lastPart(trimmed);
    if (last !== undefined && this.addPatterns(last)) {
      const password = lastPart(last);
      if (password !== undefined) this.addPatterns(password);
    }
    for (const part of basicCredentials(trimmed)) this.addPatterns(part);
    if (/[\r\n]/.test(trimmed))
      for (const line of trimmed.split(/[\r\n]+/))
        if (line.trim().length >= MIN_LINE_LENGTH) this.addPatterns(line.trim());
  }

  /**
   * Adds the patterns of one value. False if it is too short, too common, already added, or beyond
   * the limits.
   */
  private addPatterns(value: string): boolean {
    if (value.length < MIN_SECRET_LENGTH || this.values.has(value) || COMMON_WORD.test(value))
      return false;
    if (this.values.size >= MAX_VALUES || this.chars + value.length > MAX_PATTERN_CHARS) {
      this.overflowed = true;
      return false;
    }
    this.values.add(value);
    for (const pattern of patternsOf(value)) {
      if (pattern.isEncoded && this.encoded.has(pattern.text)) continue;
      if (pattern.isEncoded) this.encoded.add(pattern.text);
      this.chars += pattern.text.length;
      this.pending.push(pattern);
    }
    return true;
  }

  private *build(): Steps<void> {
    if (this.pending.length === 0) return;
    let patterns = this.pending;
    this.pending = [];
    let size = patterns.reduce((sum, { text }) => sum + text.length, 0);
    for (let last = this.sets.at(-1); last && last.size <= 2 * size; last = this.sets.at(-1)) {
      this.sets.pop();
      size += last.size;
      patterns = [...last.patterns, ...patterns];
    }
    this.sets.push(yield* PatternSet.build(patterns));
  }
}

/**
 * The text after a scheme or a user name; undefined for ARNs and the like, which have several
 * colons.
 */
function lastPart(value: string): string | undefined {
  const [, last] = /^(?:bearer|basic|token|digest|[^\s:@/]{0,64}:)\s*(\S{6,})$/i.exec(value) ?? [];
  return last !== undefined && last.split(':', 3).length < 3 ? last : undefined;
}

/** `user:pass` and `pass` of `Basic dXNlcjpwYXNz`, with or without the scheme. */
function basicCredentials(value: string): string[] {
  const [, base64 = ''] = /^(?:basic\s{1,4})?([A-Za-z0-9+/_-]{4,1000}={0,2})$/i.exec(value) ?? [];
  if (base64 === '') return [];
  const decoded = Buffer.from(base64, 'base64').toString();
  const colon = decoded.indexOf(':');
  return colon >= 0 && /^[^\p{Cc}\uFFFD]+$/u.test(decoded)
    ? [decoded, decoded.slice(colon + 1)]
    : [];
}

/**
 * The value in each form to search for: as is, form-encoded, with doubled quotes, in hexadecimal
 * and in base64. Other escapes are decoded before the search, except those inside base64.
 */
function patternsOf(value: string): Pattern[] {
  const patterns: Pattern[] = [{ text: value, isEncoded: false }];
  const addPlain = (text: string) => patterns.push({ text, isEncoded: false });
  const addEncoded = (text: string) => patterns.push({ text, isEncoded: true });
  if (value.includes(' ')) addPlain(value.replaceAll(' ', '+'));
  for (const quote of QUOTES)
    if (value.includes(quote)) addPlain(value.replaceAll(quote, quote + quote));
  addEncoded(prefixOf(value).toString('hex'));
  if (value.length < MIN_BASE64_LENGTH) return patterns;
  for (const bytes of [prefixOf(value), ...escapedPrefixes(value)])
    for (const offset of [0, 1, 2]) {
      const text = base64At(bytes, offset);
      addEncoded(text);
      const urlSafe = text.replaceAll('+', '-').replaceAll('/', '_');
      if (urlSafe !== text) addEncoded(urlSafe);
    }
  return patterns;
}

/**
 * The first ENCODED_BYTES bytes. The slice is longer, so that a split surrogate pair is not among
 * them.
 */
const prefixOf = (text: string): Buffer =>
  Buffer.from(text.slice(0, ENCODED_BYTES + 4)).subarray(0, ENCODED_BYTES);

/**
 * The prefix as escaped in URLs, forms, JSON and Rails' JSON, where that differs from the prefix
 * itself.
 */
function escapedPrefixes(value: string): Buffer[] {
  const prefix = value.slice(0, ENCODED_BYTES + 4);
  if (/^[\w.~-]*$/.test(prefix)) return [];
  const percent = Array.from(Buffer.from(prefix), (byte) => {
    const char = String.fromCharCode(byte);
    return /[A-Za-z0-9_.~-]/.test(char)
      ? char
      : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }).join('');
  const json = JSON.stringify(prefix).slice(1, -1);
  const unicode = (char: string) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`;
  const forms = [
    percent,
    percent.replaceAll('%20', '+'),
    percent.replaceAll(/%(2[1789A])/g, (_, code: string) =>
      String.fromCharCode(parseInt(code, 16)),
    ),
    json,
    json.replaceAll(/[&<>]/g, unicode),
    json.replaceAll(/[^\0-\x7f]/g, unicode),
  ];
  return [...new Set(forms)].filter((form) => form !== prefix).map(prefixOf);
}

/**
 * The base64 characters that these bytes have at `offset` modulo 3, independent of the surrounding
 * bytes.
 */
function base64At(bytes: Buffer, offset: number): string {
  const encoded = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64');
  const from = offset === 0 ? 0 : offset + 1;
  return encoded.slice(from, Math.floor(((offset + bytes.length) * 8) / 6));
}
