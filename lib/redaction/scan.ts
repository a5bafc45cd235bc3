import { STEP_SIZE, type Steps } from '../core/steps';
import type { NameJudge } from './keys';

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
