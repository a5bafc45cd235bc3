import { expect, it } from 'vitest';
import { TextBudget } from './steps';

it('refuses bytes beyond the limit and keeps the rest spendable', () => {
  const budget = new TextBudget({ maxBytes: 100_000, maxMs: 60_000 });
  expect(budget.spend(60_000)).toBe(true);
  expect(budget.spend(50_000)).toBe(false);
  expect(budget.remainingBytes).toBe(40_000);
  expect(budget.spend(40_000)).toBe(true);
  expect(budget.spend(5_000)).toBe(false);
});

it('is exhausted once its time is used up', async () => {
  const budget = new TextBudget({ maxBytes: 100, maxMs: 0 });
  await new Promise((resolve) => setImmediate(resolve));
  while (!budget.exhausted) await new Promise((resolve) => setImmediate(resolve));
  expect(budget.spend(5_000)).toBe(false);
  expect(budget.remainingBytes).toBe(0);
});

it('always has room for the text of an ordinary row', async () => {
  const budget = new TextBudget({ maxBytes: 0, maxMs: 0 });
  while (!budget.exhausted) await new Promise((resolve) => setImmediate(resolve));
  expect(budget.spend(4_096)).toBe(true);
  expect(budget.spend(4_097)).toBe(false);
});

it('lets a timer run while a long loop yields', async () => {
  const budget = new TextBudget({ maxBytes: 1, maxMs: 60_000 });
  let hasRun = false;
  setTimeout(() => (hasRun = true), 1);
  for (let n = 0; n < 100_000 && !hasRun; n += 1) {
    const until = performance.now() + 1;
    while (performance.now() < until);
    await budget.yieldIfDue();
  }
  expect(hasRun).toBe(true);
});
