import { processValue } from '../core/shared-state';

/** Comment on the tables that `npm run demo` creates; other tables contain real jobs. */
export const DEMO_COMMENT = 'good-job-console demo';

const TTL_MS = 10_000;

const demo = processValue<{
  check: () => Promise<boolean>;
  cached?: { isDemo: Promise<boolean>; until: number };
}>('demo tables');

/** Sets the check for demo tables, because only the bundle of Next has a database connection. */
export function setDemoCheck(check: () => Promise<boolean>): void {
  demo.current = { check };
}

/**
 * Whether the tables belong to the demo; false if the database is not available. Cached for 10 s.
 */
export function isDemoDatabase(now: number = Date.now()): Promise<boolean> {
  const state = demo.current;
  if (!state) return Promise.resolve(false);
  if (!state.cached || state.cached.until <= now)
    state.cached = { isDemo: state.check().catch(() => false), until: now + TTL_MS };
  return state.cached.isDemo;
}
