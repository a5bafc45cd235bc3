import { type Steps, runToEnd } from '../core/steps';
import { type Pattern, PatternSet } from './pattern-set';
import { SpanMask, replaceSpans } from './scan';
import { type TextView, joinBase64Lines, viewsOf } from './text-view';

/** Shorter values appear everywhere by chance. */
export const SHORTEST = 4;
/** A line of a value that has several. */
const SHORTEST_LINE = 8;
/** Values and characters that one row may hide; a row that hides more has all its text hidden. */
export const MAX_VALUES = 5_000;
export const MAX_PATTERN_CHARS = 500_000;
/** Characters of hidden values that are searched for the credentials that they hold. */
const MAX_PARTS_CHARS = 500_000;
/** Bytes of a value that are looked for in hexadecimal and base64; what continues them is hidden with them. */
const ENCODED_BYTES = 18;
/** In base64 shorter values appear by chance. */
const SHORTEST_BASE64 = 6;
const QUOTES = ["'", '"'];
/** Words that say nothing of the secret they are. */
const COMMON =
  /^(?:true|false|null|none|nil|undefined|unknown|default|string|number|object|value|bearer|basic|digest|password|passwd|secret|token|\[redacted\]|[\s\p{P}]*)$/iu;

/** Whether the text is long enough, and unusual enough, to be a repeat of a hidden value. */
export const couldRepeatSecret = (text: string): boolean => {
  const plain = text.trim();
  return plain.length >= SHORTEST && !COMMON.test(plain);
};

/**
 * The hidden values of one row: of a job, its executions or a batch. Where one of them is repeated in clear, in the
 * row's error or under another key, it is hidden there too, also as URLs, JSON, HTML, hexadecimal and base64 write it.
 */
export class SecretRegistry {
  /** Something was hidden, even if it is too short to be searched for elsewhere. */
  hidden = false;
  /** Part of the row was not read, or holds too many values: so every text of the row may repeat an unknown value. */
  overflowed = false;
  private readonly values = new Set<string>();
  /** Values with the same beginning share these. */
  private readonly encoded = new Set<string>();
  private chars = 0;
  private partsChars = 0;
  /** Values that were searched for their parts; together no longer than `partsChars` allows. */
  private readonly searched = new Set<string>();
  private pending: Pattern[] = [];
  /** Each is more than twice as large as the next one, so a pattern is rebuilt O(log n) times at most. */
  private readonly sets: PatternSet[] = [];

  get size(): number {
    return this.values.size;
  }

  add(value: string): void {
    this.hidden = true;
    this.addValue(value);
    // In the row it may be escaped, and elsewhere not.
    if (/[\\%&]/.test(value)) for (const view of viewsOf(value)) if (view) this.addValue(view.text);
    // SQL and CSV double the quotes.
    for (const quote of QUOTES)
      if (value.includes(quote + quote)) this.addValue(value.replaceAll(quote + quote, quote));
  }

  /** Whether the value was not searched for its parts yet: a text may hide the same value ten thousand times. */
  isFirstSearch(value: string): boolean {
    const { size } = this.searched;
    return this.searched.add(value).size > size;
  }

  /** False: no more values are searched for their parts, so some are not known. */
  spendOnParts(chars: number): boolean {
    this.partsChars += chars;
    if (this.partsChars > MAX_PARTS_CHARS) this.overflowed = true;
    return !this.overflowed;
  }

  /** The text with every value of the registry replaced. */
  hideIn(text: string, marker: string): string {
    return runToEnd(this.hideSteps(text, marker));
  }

  *hideSteps(text: string, marker: string): Steps<string> {
    if (this.values.size === 0 || text.length < SHORTEST) return text;
    yield* this.build();
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

  private *matchIn(view: TextView, mask: SpanMask): Steps<void> {
    for (const set of this.sets)
      yield* set.match(view.text, (from, to) =>
        mask.add(view.sourceOffset(from), view.sourceOffset(to)),
      );
  }

  private addValue(value: string): void {
    const plain = value.trim();
    if (!this.addPatterns(plain)) return;
    // `Bearer abc`, `user:abc`: what may be repeated is the last part, of which a password is one more.
    const last = lastPart(plain);
    if (last !== undefined && this.addPatterns(last)) {
      const inner = lastPart(last);
      if (inner !== undefined) this.addPatterns(inner);
    }
    for (const part of basicCredentials(plain)) this.addPatterns(part);
    if (/[\r\n]/.test(plain))
      for (const line of plain.split(/[\r\n]+/))
        if (line.trim().length >= SHORTEST_LINE) this.addPatterns(line.trim());
  }

  /** False if there is nothing to search for. */
  private addPatterns(plain: string): boolean {
    if (plain.length < SHORTEST || this.values.has(plain) || COMMON.test(plain)) return false;
    if (this.values.size >= MAX_VALUES || this.chars + plain.length > MAX_PATTERN_CHARS) {
      this.overflowed = true;
      return false;
    }
    this.values.add(plain);
    for (const pattern of patternsOf(plain)) {
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

/** What follows a scheme or a user; of an ARN and the like, with more than two colons, nothing. */
function lastPart(value: string): string | undefined {
  const [, last] = /^(?:bearer|basic|token|digest|[^\s:@/]{0,64}:)\s*(\S{6,})$/i.exec(value) ?? [];
  return last !== undefined && last.split(':', 3).length < 3 ? last : undefined;
}

/** Of `Basic dXNlcjpwYXNz` the `user:pass` and the password. */
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
 * As it is, with `+` for its spaces as forms send it, with its quotes doubled, in hexadecimal and in base64. Escapes in
 * a text are decoded before it is searched, but those inside base64 are not.
 */
function patternsOf(value: string): Pattern[] {
  const patterns: Pattern[] = [{ text: value, isEncoded: false }];
  const plain = (text: string) => patterns.push({ text, isEncoded: false });
  const encoded = (text: string) => patterns.push({ text, isEncoded: true });
  if (value.includes(' ')) plain(value.replaceAll(' ', '+'));
  for (const quote of QUOTES)
    if (value.includes(quote)) plain(value.replaceAll(quote, quote + quote));
  encoded(startOf(value).toString('hex'));
  if (value.length < SHORTEST_BASE64) return patterns;
  for (const bytes of [startOf(value), ...escapedStarts(value)])
    for (const offset of [0, 1, 2]) {
      const text = base64At(bytes, offset);
      encoded(text);
      const urlSafe = text.replaceAll('+', '-').replaceAll('/', '_');
      if (urlSafe !== text) encoded(urlSafe);
    }
  return patterns;
}

/** A character has at least one byte; half of a surrogate pair at the end is beyond them. */
const startOf = (text: string): Buffer =>
  Buffer.from(text.slice(0, ENCODED_BYTES + 4)).subarray(0, ENCODED_BYTES);

/** The beginning as URLs, forms, JSON and the JSON of Rails escape it, where it has something to escape. */
function escapedStarts(value: string): Buffer[] {
  const start = value.slice(0, ENCODED_BYTES + 4);
  if (/^[\w.~-]*$/.test(start)) return [];
  const percent = Array.from(Buffer.from(start), (byte) => {
    const char = String.fromCharCode(byte);
    return /[A-Za-z0-9_.~-]/.test(char)
      ? char
      : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }).join('');
  const json = JSON.stringify(start).slice(1, -1);
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
  return [...new Set(forms)].filter((form) => form !== start).map(startOf);
}

/** The base64 of any text that holds these bytes at `offset` modulo 3, without what depends on the text around them. */
function base64At(bytes: Buffer, offset: number): string {
  const encoded = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64');
  const from = offset === 0 ? 0 : offset + 1;
  return encoded.slice(from, Math.floor(((offset + bytes.length) * 8) / 6));
}
