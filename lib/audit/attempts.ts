import type { Viewer } from '../auth/roles';
import { ConsoleError, type ErrorCode } from '../core/errors';
import { processState } from '../core/process-state';
import { onShutdown } from '../core/shutdown';
import { Refusal } from '../good-job/outcomes';
import { SettingRefused } from '../good-job/settings';
import { redaction } from '../redaction/redaction';
import type { AuditEvent } from './recorder';
import { MAX_ROWS } from './types';

/** What an act is about, told before it is tried, so that one that comes to nothing is on record too. */
export interface Attempt extends Partial<
  Pick<AuditEvent, 'targetType' | 'targetIds' | 'targetName' | 'details' | 'action'>
> {
  /** False: it goes without a reason whatever AUDIT_REASON says; what stops a run must be quick. */
  asksReason?: boolean;
}

interface Asking {
  viewer: Viewer;
  requestId: string;
  reason: string | null;
}

/** The record of what this viewer does in this request. */
export function eventOf(
  { viewer, requestId, reason }: Asking,
  action: AuditEvent['action'],
  event: Attempt & Partial<AuditEvent>,
): AuditEvent {
  const { asksReason: _, targetName, details = {}, ...told } = event;
  const rules = redaction();
  return {
    viewer: viewer.id,
    viewerName: viewer.name,
    viewerEmail: viewer.email,
    role: viewer.role,
    requestId,
    reason: reason && rules.redactText(reason),
    action,
    targetType: 'none',
    targetIds: [],
    counts: {},
    ...told,
    ...(targetName === undefined ? {} : { targetName: rules.redactText(targetName) }),
    details: rules.redactPlain(details),
  };
}

const REFUSED = new Set<ErrorCode>([
  'forbidden',
  'read_only',
  'bad_request',
  'reason_required',
  'not_understood',
  'bulk_too_large',
]);

/** An attempt that was not confirmed as it must be; nothing was done. `more`: the jobs there are now, more than were confirmed. */
export class NotConfirmed extends Error {
  constructor(readonly more?: number) {
    super('not confirmed');
  }
}

/** What an error made of an attempt. A lock that was not to be had leaves its rows as `locked`, as it does when others could be had. */
export function failureOf(
  error: unknown,
  { targetIds = [] }: Attempt,
): Pick<AuditEvent, 'counts' | 'error' | 'refused'> {
  if (error instanceof Refusal || error instanceof SettingRefused)
    return { counts: {}, error: error.code, refused: true };
  if (error instanceof NotConfirmed) return { counts: {}, error: 'not_confirmed', refused: true };
  if (!(error instanceof ConsoleError)) return { counts: {}, error: 'unexpected' };
  if (error.code === 'locked' && targetIds.length > 0)
    return { counts: { locked: targetIds.length } };
  return { counts: {}, error: error.code, refused: REFUSED.has(error.code) };
}

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

const counters = processState('refused attempts', () => new Map<string, Counter>());

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
