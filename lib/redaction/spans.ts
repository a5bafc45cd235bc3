import { isInsidePair } from './chars';

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
