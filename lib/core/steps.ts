import { performance } from 'node:perf_hooks';

/** How long one request may hold the event loop before it lets others run, in milliseconds. */
const TURN_MS = 10;
/** A text of this size is always read: rows are bounded by their number, and a slow machine must not hide them. */
const FREE_BYTES = 4_096;

/** Ends the current turn of the event loop, so that other requests are answered. */
export const yieldToEventLoop = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

/**
 * Bounds the work that one request does on job text in JavaScript: bytes that are parsed or redacted, and
 * milliseconds. A text that no longer fits is not read, and the page says so.
 */
export class TextBudget {
  private spentBytes = 0;
  private readonly startedAt = performance.now();
  private turnStartedAt = performance.now();

  constructor(private readonly limits: { maxBytes: number; maxMs: number }) {}

  /** Reserves `bytes`; false if they no longer fit, or if the time is used up. Up to 4 kB are free. */
  spend(bytes: number): boolean {
    if (bytes <= FREE_BYTES) return true;
    if (this.exhausted || this.spentBytes + bytes > this.limits.maxBytes) return false;
    this.spentBytes += bytes;
    return true;
  }

  get exhausted(): boolean {
    return performance.now() - this.startedAt > this.limits.maxMs;
  }

  get remainingBytes(): number {
    return this.exhausted ? 0 : Math.max(0, this.limits.maxBytes - this.spentBytes);
  }

  /** Yields to the event loop if this request has held it for longer than its turn. Call it between rows. */
  async yieldIfDue(): Promise<void> {
    if (performance.now() - this.turnStartedAt < TURN_MS) return;
    await yieldToEventLoop();
    this.turnStartedAt = performance.now();
  }
}

/**
 * Work that pauses after a bounded part of it. `runToEnd` does it at once, `runInSteps` lets the event loop answer
 * other requests in between; both return the same result.
 */
export type Steps<Result> = Generator<void, Result, void>;

/** Characters, nodes or bytes that one step works on, at most about a millisecond. */
export const STEP_SIZE = 16_384;
const STEPS_TURN_MS = 8;

/** Does all steps at once. */
export function runToEnd<Result>(steps: Steps<Result>): Result {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** Does the steps and yields to the event loop when a turn has lasted for 8 ms, or when `budget` says so. */
export async function runInSteps<Result>(
  steps: Steps<Result>,
  budget?: TextBudget,
): Promise<Result> {
  let turnStartedAt = performance.now();
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
    if (budget) await budget.yieldIfDue();
    else if (performance.now() - turnStartedAt > STEPS_TURN_MS) {
      await yieldToEventLoop();
      turnStartedAt = performance.now();
    }
  }
}
