/** Comment on the tables that `npm run demo` makes. Tables without it hold somebody's real jobs. */
export const DEMO_MARK = 'good-job-console demo';

/** For how long an answer of the database is believed. */
const TTL_MS = 10_000;

/** The server is a bundle of its own, and modules are instantiated more than once; globalThis is shared. */
const shared = globalThis as typeof globalThis & {
  goodJobConsoleDemo?: {
    check: () => Promise<boolean>;
    answer?: { isDemo: Promise<boolean>; until: number };
  };
};

/** Sets how the database is asked whether its tables are the demo's. */
export function offerDemoCheck(check: () => Promise<boolean>): void {
  shared.goodJobConsoleDemo = { check };
}

/** Whether the tables are the demo's own; false when the database cannot be asked. */
export function isDemoDatabase(now: number = Date.now()): Promise<boolean> {
  const state = shared.goodJobConsoleDemo;
  if (!state) return Promise.resolve(false);
  if (!state.answer || state.answer.until <= now)
    state.answer = { isDemo: state.check().catch(() => false), until: now + TTL_MS };
  return state.answer.isDemo;
}
