import type { TextBudget } from './text-budget';
import { yieldToEventLoop } from './text-budget';

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
