import { STEP_SIZE, type Steps } from '../core/steps';
import type { NameMatcher } from './key-names';

/** The input of a rule: one view of a text. */
export interface Scan {
  readonly text: string;
  /** Matches the names of secrets. */
  readonly keys: NameMatcher;
  /** Hides a span of the text. */
  readonly hide: (from: number, to: number) => void;
}

/**
 * Finds secrets in one pass. Lookahead and lookbehind are bounded, or cover text that is not read
 * again, so that the time is linear. Yields after every STEP_SIZE characters.
 */
export type Rule = (scan: Scan) => Steps<void>;

/** Determines when a rule must yield: after every STEP_SIZE characters. */
export class StepCounter {
  private next = STEP_SIZE;

  isDue(at: number): boolean {
    if (at < this.next) return false;
    this.next = at + STEP_SIZE;
    return true;
  }
}

/**
 * The first match from `at` on (flag `g`), or exactly at `at` (flag `y`). Sets `lastIndex` on each
 * call, because suspended generators share the expression.
 */
export function execFrom(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

/*
 * Character classes in a lookup table indexed by UTF-16 code unit, which is faster than regular
 * expressions. Surrogates belong to no class.
 */

const LETTER = 1;
const DIGIT = 2;
const SPACE = 4;

/** Separates chunks of prose. */
const PROSE_BREAK = 8;
const BASE64 = 16;
/** White space inside a line, and characters without width. */
const BLANK = 32;

const CLASSES = buildClasses();

function buildClasses(): Uint8Array {
  const classes = new Uint8Array(0x10000);
  for (let code = 0; code < 0x10000; code += 1) {
    if (code >= 0xd800 && code < 0xe000) continue;
    const char = String.fromCharCode(code);
    if (/\p{L}/u.test(char)) classes[code] = LETTER;
    else if (/\p{N}/u.test(char)) classes[code] = DIGIT;
    else if (/\s/.test(char)) classes[code] = SPACE | PROSE_BREAK;
    else if ('()<>[]{}"\'`,;:=&?#/「」『』|'.includes(char)) classes[code] = PROSE_BREAK;
    if (/[^\S\r\n\u2028\u2029]|[\u0085\u00ad\u180e\u200b-\u200f\u2060-\u2064]/.test(char))
      classes[code] = (classes[code] ?? 0) | BLANK;
    if (/[A-Za-z0-9+/=_-]/.test(char)) classes[code] = (classes[code] ?? 0) | BASE64;
  }
  return classes;
}

const hasClass = (code: number, mask: number): boolean => ((CLASSES[code] ?? 0) & mask) !== 0;

export const isLetterOrDigit = (code: number): boolean => hasClass(code, LETTER | DIGIT);
export const isLetter = (code: number): boolean => hasClass(code, LETTER);
export const isSpace = (code: number): boolean => hasClass(code, SPACE);

/** White space that does not end a line, and characters without width. */
export const isBlank = (code: number): boolean => hasClass(code, BLANK);

export const isLineEnd = (code: number): boolean =>
  code === 0x0a || code === 0x0d || code === 0x2028 || code === 0x2029;
export const isProseBreak = (code: number): boolean => hasClass(code, PROSE_BREAK);
export const isBase64 = (code: number): boolean => hasClass(code, BASE64);
export const isAsciiDigit = (code: number): boolean => code >= 0x30 && code <= 0x39;

/** A letter, digit or `_`. False for NaN, the char code past the end of a text. */
export const isWordPart = (code: number): boolean =>
  code === 0x5f || hasClass(code, LETTER | DIGIT);

/** Whether this offset is between the two halves of a surrogate pair. */
function isInsidePair(text: string, at: number): boolean {
  const high = text.charCodeAt(at - 1);
  const low = text.charCodeAt(at);
  return high >= 0xd800 && high < 0xdc00 && low >= 0xdc00 && low < 0xe000;
}

/** A part of a text to hide, in UTF-16 offsets; `to` is exclusive. */
export interface Span {
  from: number;
  to: number;
}

/**
 * The union of spans that rules add in any order. One byte per character, so that no sorting is
 * needed.
 */
export class SpanMask {
  private mask: Uint8Array | undefined;

  constructor(private readonly length: number) {}

  add(from: number, to: number): void {
    if (from >= to) return;
    this.mask ??= new Uint8Array(this.length);
    this.mask.fill(1, from, to);
  }

  /** The spans in order. Overlapping and adjacent spans are merged. */
  spans(): Span[] {
    const spans: Span[] = [];
    if (!this.mask) return spans;
    for (let from = this.mask.indexOf(1); from >= 0;) {
      const end = this.mask.indexOf(0, from);
      const to = end < 0 ? this.length : end;
      spans.push({ from, to });
      from = end < 0 ? -1 : this.mask.indexOf(1, end);
    }
    return spans;
  }
}

/**
 * The text with each span replaced by the marker. A span that splits a surrogate pair is widened.
 */
export function replaceSpans(text: string, spans: readonly Span[], marker: string): string {
  if (spans.length === 0) return text;
  let replaced = '';
  let at = 0;
  for (const { from, to } of spans) {
    const start = isInsidePair(text, from) ? from - 1 : from;
    if (start >= at) replaced += text.slice(at, start) + marker;
    at = isInsidePair(text, to) ? to + 1 : to;
  }
  return replaced + text.slice(at);
}
