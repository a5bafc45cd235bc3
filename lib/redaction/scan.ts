import { STEP_SIZE, type Steps } from '../core/steps';
import type { NameJudge } from './key-names';

/** One view of a text that a rule reads from left to right. */
export interface Scan {
  readonly text: string;
  readonly keys: NameJudge;
  /** Hides a part of the text. */
  hide(from: number, to: number): void;
}

/**
 * A rule that finds secrets. It reads the text from left to right, looks back and ahead by a bounded number of
 * characters (or by a part that no other look reads again), and pauses now and then.
 */
export type Rule = (scan: Scan) => Steps<void>;

/** Tells a rule when to pause: after each STEP_SIZE characters. */
export class Pacer {
  private next = STEP_SIZE;

  isDue(at: number): boolean {
    if (at < this.next) return false;
    this.next = at + STEP_SIZE;
    return true;
  }
}

/**
 * The first match at or behind `at` of a regular expression with the flag `g`, or right at it with the flag `y`. The
 * position is set on each call because a paused rule shares the expression with others.
 */
export function execFrom(pattern: RegExp, text: string, at: number): RegExpExecArray | null {
  pattern.lastIndex = at;
  return pattern.exec(text);
}

/*
 * Classes of UTF-16 code units in one table, so that a scanner classifies a character without a regular expression.
 * A half of a surrogate pair is in none.
 */

const LETTER = 1;

const DIGIT = 2;

const SPACE = 4;

/** Ends a word of a sentence. */
const PROSE_BREAK = 8;

const BASE64 = 16;

/** White space inside a line, and what has no width. */
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

const has = (code: number, mask: number): boolean => ((CLASSES[code] ?? 0) & mask) !== 0;

export const isLetterOrDigit = (code: number): boolean => has(code, LETTER | DIGIT);

export const isLetter = (code: number): boolean => has(code, LETTER);

export const isSpace = (code: number): boolean => has(code, SPACE);

/** White space that ends no line. */
export const isBlank = (code: number): boolean => has(code, BLANK);

export const isLineEnd = (code: number): boolean =>
  code === 0x0a || code === 0x0d || code === 0x2028 || code === 0x2029;

export const isProseBreak = (code: number): boolean => has(code, PROSE_BREAK);

export const isBase64 = (code: number): boolean => has(code, BASE64);

export const isAsciiDigit = (code: number): boolean => code >= 0x30 && code <= 0x39;

/** A letter, a digit or `_`: what makes a whole word. NaN, which is the end of a text, is none. */
export const isWordPart = (code: number): boolean => code === 0x5f || has(code, LETTER | DIGIT);

/** Whether a cut here is inside a surrogate pair. */
export function isInsidePair(text: string, at: number): boolean {
  const [before, behind] = [text.charCodeAt(at - 1), text.charCodeAt(at)];
  return before >= 0xd800 && before < 0xdc00 && behind >= 0xdc00 && behind < 0xe000;
}

/** A part of a text to hide, in UTF-16 offsets. */
export interface Span {
  from: number;
  to: number;
}

/**
 * The parts of one text to hide, which rules add in any order. One byte a character: to add costs the length of
 * what is added, and nothing is sorted.
 */
export class SpanMask {
  private mask: Uint8Array | undefined;

  constructor(private readonly length: number) {}

  add(from: number, to: number): void {
    if (from >= to) return;
    this.mask ??= new Uint8Array(this.length);
    this.mask.fill(1, from, to);
  }

  /** In order; those that touch are one. */
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

/** The text with each span replaced; a surrogate pair is replaced whole. */
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
