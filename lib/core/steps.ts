/** How long one request may block the event loop before it yields. */
const TURN_MS = 10;
/**
 * Texts up to this size do not use the budget, so that a slow machine still shows ordinary rows.
 */
const FREE_BYTES = 4_096;

/** Ends the current turn of the event loop so that other requests can run. */
export const yieldToEventLoop = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

/**
 * Bounds the JavaScript work of one request on job texts, in bytes parsed or redacted and in
 * milliseconds. The page marks texts that exceed the budget as not read.
 */
export class TextBudget {
  private spentBytes = 0;
  private readonly startedAt = performance.now();
  private turnStartedAt = performance.now();
  private waitedMs = 0;
  /** Whether a text was rejected because it exceeded the budget. */
  hasRejected = false;

  constructor(private readonly limits: { maxBytes: number; maxMs: number }) {}

  /**
   * Reserves bytes; returns false if bytes or time are exhausted. Up to 4 kB are always granted.
   */
  spend(bytes: number): boolean {
    if (bytes <= FREE_BYTES) return true;
    if (this.isExhausted || this.spentBytes + bytes > this.limits.maxBytes) {
      this.hasRejected = true;
      return false;
    }
    this.spentBytes += bytes;
    return true;
  }

  get isExhausted(): boolean {
    return performance.now() - this.startedAt - this.waitedMs > this.limits.maxMs;
  }

  get remainingBytes(): number {
    return this.isExhausted ? 0 : Math.max(0, this.limits.maxBytes - this.spentBytes);
  }

  /** Waits for the database without spending time of the budget. */
  async waitFor<T>(result: Promise<T>): Promise<T> {
    const waitStartedAt = performance.now();
    try {
      return await result;
    } finally {
      this.turnStartedAt = performance.now();
      this.waitedMs += this.turnStartedAt - waitStartedAt;
    }
  }

  /** Yields if this request has blocked the event loop for TURN_MS. Call it between rows. */
  async yieldIfDue(): Promise<void> {
    if (performance.now() - this.turnStartedAt < TURN_MS) return;
    await yieldToEventLoop();
    this.turnStartedAt = performance.now();
  }
}

/**
 * Work in bounded steps. `runToEnd` runs it synchronously, `runInSteps` yields to the event loop
 * between steps; both return the same result.
 */
export type Steps<Result> = Generator<void, Result, void>;

/** Characters, nodes or bytes per step: about a millisecond of work at most. */
export const STEP_SIZE = 16_384;
const STEPS_TURN_MS = 8;

/** Runs all steps synchronously and returns their result. */
export function runToEnd<Result>(steps: Steps<Result>): Result {
  for (;;) {
    const step = steps.next();
    if (step.done) return step.value;
  }
}

/** Runs the steps and yields to the event loop every 8 ms, or when `budget` requires it. */
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
