import { expect, it } from 'vitest';
import { TextBudget } from './steps';

it('rejects bytes beyond the limit without using up the rest of the budget', () => {
  const budget = new TextBudget({ maxBytes: 100_000, maxMs: 60_000 });
  expect(budget.spend(60_000)).toBe(true);
  expect(budget.spend(50_000)).toBe(false);
  expect(budget.remainingBytes).toBe(40_000);
  expect(budget.spend(40_000)).toBe(true);
  expect(budget.spend(5_000)).toBe(false);
});

it('a text budget is exhausted once its time is used up', async () => {
  const budget = new TextBudget({ maxBytes: 100, maxMs: 0 });
  await new Promise((resolve) => setImmediate(resolve));
  while (!budget.isExhausted) await new Promise((resolve) => setImmediate(resolve));
  expect(budget.spend(5_000)).toBe(false);
  expect(budget.remainingBytes).toBe(0);
});

it('grants texts up to 4 kB even when the budget is exhausted', async () => {
  const budget = new TextBudget({ maxBytes: 0, maxMs: 0 });
  while (!budget.isExhausted) await new Promise((resolve) => setImmediate(resolve));
  expect(budget.spend(4_096)).toBe(true);
  expect(budget.spend(4_097)).toBe(false);
});

it('lets timers run during a long loop that yields', async () => {
  const budget = new TextBudget({ maxBytes: 1, maxMs: 60_000 });
  let hasRun = false;
  setTimeout(() => {
    hasRun = true;
  }, 1);
  for (let n = 0; n < 100_000 && !hasRun; n += 1) {
    const until = performance.now() + 1;
    while (performance.now() < until);
    await budget.yieldIfDue();
  }
  expect(hasRun).toBe(true);
});
