import { onShutdown } from '../shutdown';
import type { AuditEvent } from './audit';
import { MAX_ROWS } from './bounds';

/*
 * An attempt that changed nothing, be it refused or failed, costs whoever makes it nothing, and the audit has no end: each
 * has a bounded size, and of those that a viewer repeats the first ones are recorded and the others counted.
 */

/** Of one viewer, action and error, in a period. */
const RECORDED = 10;
const PERIOD_MS = 60_000;
/** What was counted is recorded this long after it began, so that it is read soon and takes four records a minute. */
const SUMMARY_MS = 15_000;
/** Viewers times actions times errors that are counted at a time; the oldest is then recorded early. */
const MAX_COUNTERS = 1_000;

type Write = (event: AuditEvent) => Promise<void>;
interface Counter {
  began: number;
  recorded: number;
  leftOut: number;
  since: string;
  last: AuditEvent;
  write: Write;
  timer: NodeJS.Timeout | null;
}

/** Modules are instantiated more than once in one server; its counters must not be. */
const shared = globalThis as typeof globalThis & {
  goodJobConsoleAttempts?: Map<string, Counter>;
};
const counters = (shared.goodJobConsoleAttempts ??= new Map());

/** Writes the record of an attempt, or counts it with those of its kind for one record of them all. */
export async function writeAttempt(event: AuditEvent, write: Write): Promise<void> {
  const key = JSON.stringify([event.viewer, event.action, event.error]);
  const now = Date.now();
  let counter = counters.get(key);
  if (!counter || now - counter.began >= PERIOD_MS) {
    if (counter) await summarize(counter);
    counter = { began: now, recorded: 0, leftOut: 0, since: '', last: event, write, timer: null };
    counters.delete(key);
    counters.set(key, counter);
    await evictOldest();
  }
  Object.assign(counter, { last: event, write });
  if (counter.recorded < RECORDED) {
    counter.recorded += 1;
    return write(event);
  }
  if (counter.leftOut === 0) counter.since = new Date(now).toISOString();
  counter.leftOut += 1;
  const { timer } = counter;
  counter.timer = timer ?? setTimeout(() => void summarize(counter), SUMMARY_MS).unref();
  onShutdown('refused attempts', flushAttempts);
}

/** Records what was counted; before the process ends, and in tests. */
export async function flushAttempts(): Promise<void> {
  await Promise.all([...counters.values()].map(summarize));
}

async function summarize(counter: Counter): Promise<void> {
  const { leftOut, since, last, write, timer } = counter;
  if (timer) clearTimeout(timer);
  Object.assign(counter, { leftOut: 0, timer: null });
  if (leftOut === 0) return;
  const { targetName: _, ...event } = last;
  await write({
    ...event,
    targetType: 'none',
    targetIds: [],
    reason: null,
    details: { attempts: leftOut, since, until: new Date().toISOString() },
  });
}

async function evictOldest(): Promise<void> {
  if (counters.size <= MAX_COUNTERS) return;
  const [oldest] = counters;
  if (!oldest) return;
  counters.delete(oldest[0]);
  await summarize(oldest[1]);
}

const MAX_VALUE = 2_000;
const MAX_NAME = 500;
const MAX_DETAILS = 4_000;
const cut = (text: string, length: number) =>
  text.length <= length ? text : `${text.slice(0, length).replace(/[\ud800-\udbff]$/, '')}…`;

/** The record of an attempt in a bounded size: what it was about is cut where it is long. It has been redacted. */
export function boundAttempt(event: AuditEvent): AuditEvent {
  const { targetIds, targetName, details } = event;
  const short = Object.fromEntries(
    Object.entries(details).map(([name, value]) => [
      name,
      typeof value === 'string' ? cut(value, MAX_VALUE) : value,
    ]),
  );
  const all = targetIds.length > MAX_ROWS ? { ...short, targets: targetIds.length } : short;
  return {
    ...event,
    targetIds: targetIds.slice(0, MAX_ROWS),
    ...(targetName === undefined ? {} : { targetName: cut(targetName, MAX_NAME) }),
    details: JSON.stringify(all).length > MAX_DETAILS ? { too_large: true } : all,
  };
}
