import { afterEach, expect, it, vi } from 'vitest';
import { TextBudget } from './steps';

afterEach(() => vi.restoreAllMocks());

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

it('does not count the time that a request waits for the database', async () => {
  let now = 0;
  vi.spyOn(performance, 'now').mockImplementation(() => now);
  const budget = new TextBudget({ maxBytes: 100_000, maxMs: 200 });
  const query = async () => {
    now += 10_000;
    return 'rows';
  };
  expect(await budget.waitFor(Promise.resolve().then(query))).toBe('rows');
  expect(budget.isExhausted).toBe(false);
  now += 201;
  expect(budget.isExhausted).toBe(true);
});

it('remembers that a text did not fit', () => {
  const budget = new TextBudget({ maxBytes: 10_000, maxMs: 60_000 });
  budget.spend(9_000);
  expect(budget.hasRejected).toBe(false);
  budget.spend(9_000);
  expect(budget.hasRejected).toBe(true);
});
