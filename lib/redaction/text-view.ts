import { STEP_SIZE, type Steps } from '../core/steps';
import { isAsciiDigit, isBase64, isLetterOrDigit } from './scan';

/*
 * Views of a text: raw, and with its escapes decoded up to MAX_DECODINGS times. Decodes JSON (`\"`,
 * `\u003d`), Ruby and JavaScript (`\x22`, `\u{22}`), URLs (`%3D`) and HTML (`&quot;`, `&#34;`,
 * `&#x22;`) in any mixture, so that rules need not handle escapes. A view is never longer than the
 * text, and is built in one pass.
 */

/** Enough for JSON in JSON in JSON, or a URL that was encoded three times. */
const MAX_DECODINGS = 3;

/** A raw or decoded text, with the mapping of its offsets to the original text. */
export interface TextView {
  readonly text: string;
  /** The offset in the original text of the character at this offset, or of the end. */
  sourceOffset(offset: number): number;
}

const ENTITIES: Record<string, string> = {
  quot: '"',
  apos: "'",
  amp: '&',
  lt: '<',
  gt: '>',
  nbsp: ' ',
  equals: '=',
  colon: ':',
  num: '#',
  percnt: '%',
  plus: '+',
  sol: '/',
  bsol: '\\',
  commat: '@',
  lpar: '(',
  rpar: ')',
  lowbar: '_',
  hyphen: '-',
  period: '.',
  comma: ',',
  semi: ';',
  excl: '!',
  dollar: '$',
  ast: '*',
  quest: '?',
  lsqb: '[',
  rsqb: ']',
  lcub: '{',
  rcub: '}',
  verbar: '|',
  Hat: '^',
  grave: '`',
};
/** Char codes for letters after a backslash that mean white space. */
const CONTROL_ESCAPES: Record<string, number> = { n: 10, r: 13, t: 9, f: 10, v: 10 };
const BACKSLASH = 0x5c;
const PERCENT = 0x25;
const AMPERSAND = 0x26;
/**
 * An escape is packed into one number, length * LENGTH_FACTOR + code point, to avoid an allocation
 * per escape.
 */
const LENGTH_FACTOR = 0x200000;
const NO_ESCAPE = 0;

/**
 * Yields the raw view, then each decoded view while escapes remain. An undefined value is a pause
 * between steps.
 */
export function* viewsOf(text: string): Generator<TextView | void, void, void> {
  let view: TextView = { text, sourceOffset: (offset) => offset };
  yield view;
  for (let n = 0; n < MAX_DECODINGS; n += 1) {
    const decoded = yield* decodeSteps(view);
    if (!decoded) return;
    view = decoded;
    yield view;
  }
}

/** The view with its escapes decoded once; undefined: it has no escapes. */
function* decodeSteps(view: TextView): Steps<TextView | undefined> {
  const { text } = view;
  if (!/[\\%&]/.test(text)) return undefined;
  const shifts = new Shifts();
  const decoded = new TextBuilder(text.length);
  let copied = 0;
  let nextStep = STEP_SIZE;
  for (let at = 0; at < text.length; at += 1) {
    const first = text.charCodeAt(at);
    if (first !== BACKSLASH && first !== PERCENT && first !== AMPERSAND) continue;
    const escape = escapeAt(text, at, first);
    if (escape === NO_ESCAPE) continue;
    decoded.addPart(text, copied, at);
    decoded.addCodePoint(escape % LENGTH_FACTOR);
    copied = at + Math.floor(escape / LENGTH_FACTOR);
    shifts.add(decoded.length, copied - decoded.length);
    at = copied - 1;
    if (at < nextStep) continue;
    nextStep = at + STEP_SIZE;
    yield;
  }
  if (copied === 0) return undefined;
  decoded.addPart(text, copied, text.length);
  return new DecodedView(decoded.toString(), shifts, view);
}

/** Builds a text from code units in chunks, without a string for each part. */
class TextBuilder {
  length = 0;
  private readonly chunk: Uint16Array;
  private used = 0;
  /** The bits of all code units in the chunk. */
  private bits = 0;
  private readonly chunks: string[] = [];

  constructor(maxLength: number) {
    this.chunk = new Uint16Array(Math.min(maxLength, STEP_SIZE));
  }

  addPart(text: string, from: number, to: number): void {
    for (let at = from; at < to; at += 1) this.addUnit(text.charCodeAt(at));
  }

  addCodePoint(code: number): void {
    if (code < 0x10000) return this.addUnit(code);
    this.addUnit(0xd7c0 + (code >> 10));
    this.addUnit(0xdc00 + (code & 0x3ff));
  }

  toString(): string {
    this.endChunk();
    return this.chunks.join('');
  }

  private addUnit(unit: number): void {
    if (this.used === this.chunk.length) this.endChunk();
    this.chunk[this.used] = unit;
    this.bits |= unit;
    this.used += 1;
    this.length += 1;
  }

  private endChunk(): void {
    const units = this.chunk.subarray(0, this.used);
    // V8 stores a text without code units above 255 in half the memory.
    this.chunks.push(
      this.bits < 0x100
        ? Buffer.from(units).toString('latin1')
        : Buffer.from(units.buffer, 0, units.byteLength).toString('utf16le'),
    );
    this.used = 0;
    this.bits = 0;
  }
}

/** How much later in its source a part of a decoded text is, for each of its parts. */
class Shifts {
  private count = 0;
  private offsets = new Int32Array(16);
  private shifts = new Int32Array(16);
  private cursor = 0;

  /** From `offset` on, the source is `shift` characters later. Offsets must ascend. */
  add(offset: number, shift: number): void {
    if (this.count === this.offsets.length) {
      this.offsets = enlarged(this.offsets);
      this.shifts = enlarged(this.shifts);
    }
    this.offsets[this.count] = offset;
    this.shifts[this.count] = shift;
    this.count += 1;
  }

  /** The shift at this offset. */
  at(offset: number): number {
    // Offsets mostly ascend, so the binary search starts near the previous result.
    const { offsets, count } = this;
    let low = 0;
    let high = count;
    if ((offsets[this.cursor] ?? 0) <= offset) {
      low = this.cursor;
      if (low + 8 >= count || (offsets[low + 8] ?? 0) > offset) high = Math.min(high, low + 9);
    }
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((offsets[middle] ?? 0) <= offset) low = middle + 1;
      else high = middle;
    }
    this.cursor = Math.max(0, low - 1);
    return low > 0 ? (this.shifts[low - 1] ?? 0) : 0;
  }
}

function enlarged(array: Int32Array<ArrayBuffer>): Int32Array<ArrayBuffer> {
  const copy = new Int32Array(2 * array.length);
  copy.set(array);
  return copy;
}

/** Encoders wrap base64 at 60 (Ruby), 64 (PEM) or 76 (MIME) characters. */
const MIN_BASE64_LINE = 40;
/** White space before a line of base64. */
const MAX_INDENT = 16;

/** The view without line breaks inside base64; undefined: it has none. */
export function* joinBase64Lines(view: TextView): Steps<TextView | undefined> {
  const { text } = view;
  if (text.length < MIN_BASE64_LINE) return undefined;
  const shifts = new Shifts();
  const joined = new TextBuilder(text.length);
  let copied = 0;
  let nextStep = STEP_SIZE;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) {
    if (at > nextStep) {
      nextStep = at + STEP_SIZE;
      yield;
    }
    const from = text[at - 1] === '\r' ? at - 1 : at;
    if (from - copied < MIN_BASE64_LINE || !isBase64Line(text, from)) continue;
    let to = at + 1;
    while (to - at <= MAX_INDENT && ' \t'.includes(text[to] ?? 'x')) to += 1;
    if (!isBase64(text.charCodeAt(to))) continue;
    joined.addPart(text, copied, from);
    copied = to;
    shifts.add(joined.length, copied - joined.length);
  }
  if (copied === 0) return undefined;
  joined.addPart(text, copied, text.length);
  return new DecodedView(joined.toString(), shifts, view);
}

function isBase64Line(text: string, to: number): boolean {
  for (let at = to - MIN_BASE64_LINE; at < to; at += 1)
    if (!isBase64(text.charCodeAt(at))) return false;
  return true;
}

class DecodedView implements TextView {
  constructor(
    readonly text: string,
    private readonly shifts: Shifts,
    private readonly source: TextView,
  ) {}

  sourceOffset(offset: number): number {
    return this.source.sourceOffset(offset + this.shifts.at(offset));
  }
}

function escapeAt(text: string, at: number, first: number): number {
  if (first === BACKSLASH) return backslashEscape(text, at);
  return first === PERCENT ? percentEscape(text, at) : entity(text, at);
}

const packEscape = (length: number, code: number): number =>
  code >= 0 && code <= 0x10ffff ? length * LENGTH_FACTOR + code : NO_ESCAPE;

function backslashEscape(text: string, at: number): number {
  const code = text.charCodeAt(at + 1);
  if (code === 0x75) {
    if (text.charCodeAt(at + 2) !== 0x7b) return packEscape(6, hexAt(text, at + 2, 4));
    for (let digits = 1; digits <= 6; digits += 1)
      if (text.charCodeAt(at + 3 + digits) === 0x7d)
        return packEscape(4 + digits, hexAt(text, at + 3, digits));
    return NO_ESCAPE;
  }
  if (code === 0x78 || (code >= 0x30 && code <= 0x33))
    return byteEscape(text, at, code === 0x78 ? HEX_ESCAPE : OCTAL_ESCAPE);
  const control = CONTROL_ESCAPES[text[at + 1] ?? ''];
  if (control !== undefined) return packEscape(2, control);
  // An escaped punctuation mark means itself; other letters have no known meaning.
  const isPunctuation = code > 0x20 && code < 0x7f && !isLetterOrDigit(code);
  return isPunctuation ? packEscape(2, code) : NO_ESCAPE;
}

/** A notation for one byte: `\x22`, `\042` or `%22`. */
interface ByteFormat {
  length: number;
  /** The byte escaped at this offset, or -1. */
  byteAt(text: string, at: number): number;
}
const HEX_ESCAPE: ByteFormat = {
  length: 4,
  byteAt: (text, at) => (text.startsWith('\\x', at) ? hexAt(text, at + 2, 2) : -1),
};
const OCTAL_ESCAPE: ByteFormat = {
  length: 4,
  byteAt: (text, at) => (text.charCodeAt(at) === BACKSLASH ? octalAt(text, at + 1) : -1),
};
const PERCENT_ESCAPE: ByteFormat = {
  length: 3,
  byteAt: (text, at) => (text.charCodeAt(at) === PERCENT ? hexAt(text, at + 1, 2) : -1),
};

/** A byte after a backslash. If it does not begin a UTF-8 character, it is read as Latin-1. */
function byteEscape(text: string, at: number, format: ByteFormat): number {
  const character = utf8Character(text, at, format);
  return character === NO_ESCAPE ? packEscape(format.length, format.byteAt(text, at)) : character;
}

const percentEscape = (text: string, at: number): number => utf8Character(text, at, PERCENT_ESCAPE);

/** The UTF-8 character whose escaped bytes begin here. */
function utf8Character(text: string, at: number, { length, byteAt }: ByteFormat): number {
  const byte = byteAt(text, at);
  if (byte < 0) return NO_ESCAPE;
  if (byte < 0x80) return packEscape(length, byte);
  if (byte < 0xc2 || byte > 0xf4) return NO_ESCAPE;
  let bytes = 2;
  if (byte >= 0xe0) bytes = byte >= 0xf0 ? 4 : 3;
  let code = byte & (0xff >> (bytes + 1));
  for (let n = 1; n < bytes; n += 1) {
    const next = byteAt(text, at + length * n);
    if (next < 0x80 || next > 0xbf) return NO_ESCAPE;
    code = (code << 6) | (next & 0x3f);
  }
  return packEscape(length * bytes, code);
}

/** Entities that HTML also decodes without a semicolon. */
const BARE_ENTITY = /&(?:quot|apos|amp|lt|gt|nbsp)/y;

function entity(text: string, at: number): number {
  if (text[at + 1] === '#') return numericEntity(text, at);
  const end = text.slice(at, at + 12).indexOf(';');
  const char = end < 2 ? undefined : ENTITIES[text.slice(at + 1, at + end)];
  if (char !== undefined) return packEscape(end + 1, char.charCodeAt(0));
  BARE_ENTITY.lastIndex = at;
  const bareName = BARE_ENTITY.exec(text)?.[0].slice(1) ?? '';
  return packEscape(bareName.length + 1, ENTITIES[bareName]?.charCodeAt(0) ?? -1);
}

/** A numeric entity with any number of leading zeros and an optional semicolon. */
function numericEntity(text: string, at: number): number {
  const isHex = text[at + 2] === 'x' || text[at + 2] === 'X';
  let from = at + (isHex ? 3 : 2);
  const first = from;
  while (text.charCodeAt(from) === 0x30) from += 1;
  let to = from;
  while (to - from < 8 && (isHex ? hexAt(text, to, 1) >= 0 : isAsciiDigit(text.charCodeAt(to))))
    to += 1;
  if (to === first || to - from > 7) return NO_ESCAPE;
  const code = to === from ? 0 : parseInt(text.slice(from, to), isHex ? 16 : 10);
  return packEscape(to - at + (text[to] === ';' ? 1 : 0), code);
}

/** The byte written as three octal digits, or -1. */
function octalAt(text: string, from: number): number {
  let value = 0;
  for (let at = from; at < from + 3; at += 1) {
    const digit = text.charCodeAt(at) - 0x30;
    if (!(digit >= 0 && digit <= (at === from ? 3 : 7))) return -1;
    value = value * 8 + digit;
  }
  return value;
}

/** The number written as this many hexadecimal digits, or -1. */
function hexAt(text: string, from: number, digits: number): number {
  let value = 0;
  for (let at = from; at < from + digits; at += 1) {
    const code = text.charCodeAt(at);
    const lower = code | 0x20;
    if (code >= 0x30 && code <= 0x39) value = value * 16 + lower - 0x30;
    else if (lower >= 0x61 && lower <= 0x66) value = value * 16 + lower - 0x57;
    else return -1;
  }
  return value;
}

/** Escapes that the linear-time test repeats. */
export const ESCAPE_LITERALS: readonly string[] = [
  ...Object.keys(ENTITIES).map((name) => `&${name};`),
  '&#34;',
  '&#x22;',
  '\\u0022',
  '\\x22',
  '\\xe3\\x81\\x82',
  '\\042',
  '\\343\\201\\202',
  '&#0',
  '&#x0',
  '&#',
  '&quot',
  '\\u{22}',
  '%22',
  '%E3%81%82',
];
