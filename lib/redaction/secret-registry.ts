import { type Steps, runToEnd } from '../core/steps';
import { type Pattern, PatternSet } from './pattern-set';
import { SpanMask, replaceSpans } from './spans';
import { viewsOf } from './text-view';

/** Shorter values appear everywhere by chance. */
export const SHORTEST = 4;
/** A line of a value that has several. */
const SHORTEST_LINE = 8;
/** Values and characters that one row may hide; a row that hides more has all its text hidden. */
export const MAX_VALUES = 5_000;
export const MAX_PATTERN_CHARS = 500_000;
/** Characters of hidden values that are searched for the credentials that they hold. */
export const MAX_PARTS_CHARS = 500_000;
/** Bytes of a value that are looked for in hexadecimal and base64; what continues them is hidden with them. */
const ENCODED_BYTES = 18;
/** In base64 shorter values appear by chance. */
const SHORTEST_BASE64 = 6;
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
  /** Part of the row was not read, or holds too many values: any text of the row may repeat an unknown one. */
  overflowed = false;
  private readonly values = new Set<string>();
  /** Values with the same beginning share these. */
  private readonly encoded = new Set<string>();
  private chars = 0;
  private partsChars = 0;
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
      if (!view) yield;
      else
        for (const set of this.sets)
          yield* set.match(view.text, (from, to) =>
            mask.add(view.sourceOffset(from), view.sourceOffset(to)),
          );
    }
    return replaceSpans(text, mask.spans(), marker);
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

/** As it is, with `+` for its spaces as forms send it, in hexadecimal and in base64; text is decoded before it is searched. */
function patternsOf(value: string): Pattern[] {
  const plain = (text: string): Pattern => ({ text, isEncoded: false });
  const patterns = [plain(value)];
  if (value.includes(' ')) patterns.push(plain(value.replaceAll(' ', '+')));
  const bytes = Buffer.from(value.slice(0, ENCODED_BYTES));
  patterns.push({ text: bytes.toString('hex'), isEncoded: true });
  if (value.length < SHORTEST_BASE64) return patterns;
  for (const offset of [0, 1, 2]) {
    const text = base64At(bytes, offset);
    patterns.push({ text, isEncoded: true });
    const urlSafe = text.replaceAll('+', '-').replaceAll('/', '_');
    if (urlSafe !== text) patterns.push({ text: urlSafe, isEncoded: true });
  }
  return patterns;
}

/** The base64 of any text that holds these bytes at `offset` modulo 3, without what depends on the text around them. */
function base64At(bytes: Buffer, offset: number): string {
  const encoded = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64');
  const from = offset === 0 ? 0 : offset + 1;
  return encoded.slice(from, Math.floor(((offset + bytes.length) * 8) / 6));
}
