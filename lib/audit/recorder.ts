import sql, { raw } from 'sql-template-tag';
import type { Permission, Viewer } from '../auth/roles';
import { ConsoleError, type ErrorCode } from '../core/errors';
import { onShutdown, processState } from '../core/process-state';
import type { Tx } from '../db/database';
import { RefusalError } from '../good-job/enqueue';
import { SettingRefusalError } from '../good-job/settings';
import { idRow } from '../good-job/tables';
import type { Outcome } from '../good-job/types';
import type { UndoRow } from '../good-job/undo';
import { redaction } from '../redaction/redaction';
import { type AuditOutcome, type AuditTargetType, MAX_ROWS } from './types';

export const CONSOLE_SCHEMA = 'good_job_console';
/** One record per action; a bulk run updates the counts of its record. */
export const AUDIT_EVENTS = raw(`"${CONSOLE_SCHEMA}"."audit_events"`);

/**
 * Actions that have no permission: audited reads, control of bulk runs, the end of a timed pause,
 * and requests whose input could not be parsed.
 */
export const OTHER_ACTIONS = [
  'audit.export',
  'bulk.pause',
  'bulk.resume',
  'bulk.cancel',
  'job.export',
  'pause.expire',
  'unreadable',
] as const;
export type AuditAction = Permission | (typeof OTHER_ACTIONS)[number];

/** An audit record: one action of one viewer. */
export interface AuditEvent {
  viewer: string;
  viewerName?: string | null;
  viewerEmail?: string | null;
  role: string;
  requestId: string;
  action: AuditAction;
  targetType: AuditTargetType;
  /** UUIDs; empty for a target with a name. */
  targetIds: string[];
  /** A queue, class, label or cron key. */
  targetName?: string;
  /** Rows by outcome: `{ "done": 3, "locked": 1 }`. */
  counts: Record<string, number>;
  /** Parameters and side effects, such as the chosen time or the enqueued callbacks. */
  details: Record<string, unknown>;
  /** Old values for an undo of the action, stored in `details` but not displayed. */
  undo?: UndoRow[];
  /** The viewer's reason. */
  reason?: string | null;
  /** Rows by id before the action, as redacted and bounded JSON text (lib/audit/snapshot.ts). */
  before?: string | null;
  /** The same after the action. */
  after?: string | null;
  /** Why the action was not executed: an ErrorCode or the code of a refusal. */
  error?: string | null;
  /** With `error`: the action was rejected before it began; otherwise it was rolled back. */
  refused?: boolean;
}

/** Counts rows by outcome. */
export function countOutcomes(outcomes: Outcome[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { outcome } of outcomes) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
}

/**
 * Writes an audit record in the transaction of the action, so both commit together; returns its id.
 */
export async function recordAudit(tx: Tx, event: AuditEvent): Promise<string> {
  const [row] = await tx.query(
    idRow,
    sql`
      INSERT INTO ${AUDIT_EVENTS} (
        viewer, viewer_name, viewer_email, role, request_id,
        action, target_type, target_ids, target_name,
        counts, details, reason, before, after, error, refused)
      VALUES (
        ${event.viewer}, ${event.viewerName ?? null}, ${event.viewerEmail ?? null}, ${event.role},
        ${event.requestId},
        ${event.action}, ${event.targetType}, ${event.targetIds}::uuid[],
        ${event.targetName ?? null},
        ${JSON.stringify(event.counts)}, ${JSON.stringify(storedDetails(event))},
        ${event.reason ?? null},
        ${event.before ?? null}, ${event.after ?? null}, ${event.error ?? null},
        ${event.refused ?? false})
      RETURNING id`,
  );
  if (!row) throw new Error('The audit record was not written.');
  return row.id;
}

/** The details with the old values for an undo, which are ids, times and codes without job data. */
function storedDetails({ details, undo = [] }: AuditEvent): Record<string, unknown> {
  return undo.length > 0 ? { ...details, undo } : details;
}

/**
 * Returns the outcome, by the same rule as the generated column `outcome` (migration 5 in
 * lib/console-schema).
 */
export function outcomeOf({
  refused,
  error,
  counts,
  details,
}: Pick<AuditEvent, 'refused' | 'error' | 'counts' | 'details'>): AuditOutcome {
  if (refused) return 'refused';
  if (error) return 'failed';
  const names = Object.keys(counts);
  if (names.length === 0) return 'bulk_run' in details ? 'started' : 'done';
  if (names.every((name) => name === 'done')) return 'done';
  if (names.includes('done')) return 'mixed';
  return names.every((name) => name === 'refused') ? 'refused' : 'unchanged';
}

/*
 * Audit records in the log, one JSON object per line: `{"audit":{"at":…,"action":…,"outcome":…}}`.
 * Used without the console's own schema, under READ_ONLY, and for requests that the gateway
 * rejects.
 */

/**
 * Prints an audit record to stdout; `before` and `after` are copied as text to keep their digits.
 */
export function printAudit({ before, after, undo: _, ...event }: AuditEvent): void {
  const rows = [...(before ? [`"before":${before}`] : []), ...(after ? [`"after":${after}`] : [])];
  print({ ...event, outcome: outcomeOf(event) }, rows);
}

/** A request that the gateway rejected before a page or action ran. */
interface RefusedByGateway {
  requestId: string;
  /** The authenticated viewer; null if the request is not authenticated. */
  viewer?: string | null;
  /** A code such as `foreign_origin` or `bad_token`; never a part of the request. */
  error: string;
  status: number;
  method: string;
  /** The query string is not printed. */
  path: string;
  /** Client address according to TRUSTED_PROXIES, else the peer of the connection. */
  address?: string | null;
}

/**
 * Maximum lines per period, so that rejected requests cannot fill the disk. Unauthenticated
 * requests have their own limit, so that they cannot suppress the lines of authenticated viewers.
 */
const MAX_LINES = 300;
/** Maximum lines of one authenticated viewer. */
const MAX_LINES_PER_VIEWER = 60;
const PERIOD_MS = 60_000;
const MAX_PATH_LENGTH = 200;
const periods = {
  strangers: { startedAt: 0, lines: 0, omittedLines: 0 },
  recognised: { startedAt: 0, lines: 0, omittedLines: 0 },
};
const linesByViewer = new Map<string, number>();

/**
 * Prints a rejected request to the log, never to the database. Requests above the limit are
 * counted, and the next period prints their number.
 */
export function printRefusedByGateway(
  { path, ...request }: RefusedByGateway,
  now: number = Date.now(),
): void {
  const { viewer } = request;
  const group = viewer == null ? 'strangers' : 'recognised';
  const period = periods[group];
  if (now - period.startedAt >= PERIOD_MS) {
    if (period.omittedLines > 0)
      print({ action: 'door', outcome: 'refused', notPrinted: period.omittedLines, of: group });
    Object.assign(period, { startedAt: now, lines: 0, omittedLines: 0 });
    if (group === 'recognised') linesByViewer.clear();
  }
  const viewerLines = viewer == null ? 0 : (linesByViewer.get(viewer) ?? 0);
  if (period.lines >= MAX_LINES || viewerLines >= MAX_LINES_PER_VIEWER) {
    period.omittedLines += 1;
    return;
  }
  period.lines += 1;
  if (viewer != null) linesByViewer.set(viewer, viewerLines + 1);
  print({
    action: 'door',
    outcome: 'refused',
    viewer: null,
    ...request,
    path: path.split('?', 1)[0]?.slice(0, MAX_PATH_LENGTH),
  });
}

/**
 * C1 controls, line separators and bidirectional controls, which JSON.stringify does not escape.
 */
const UNSAFE_CHARACTERS = /[\u007f-\u009f\u2028\u2029\p{Cf}]/gu;
const escapes = new Map<string, string>();

/** Returns the JSON escape of a character, cached because only about 200 are unsafe. */
function escapeOf(char: string): string {
  const cached = escapes.get(char);
  if (cached !== undefined) return cached;
  let escape = '';
  for (let at = 0; at < char.length; at += 1)
    escape += `\\u${char.charCodeAt(at).toString(16).padStart(4, '0')}`;
  escapes.set(char, escape);
  return escape;
}

/** Prints one line; `rows` are members in JSON text that are added to the event. */
function print(event: object, rows: string[] = []): void {
  const json = JSON.stringify({ at: new Date().toISOString(), ...event });
  const audit = rows.length > 0 ? `${json.slice(0, -1)},${rows.join(',')}}` : json;
  console.log(`{"audit":${audit}}`.replaceAll(UNSAFE_CHARACTERS, escapeOf));
}

/** The target and parameters of an action, for the record if it is denied or fails. */
export interface Attempt extends Partial<
  Pick<AuditEvent, 'targetType' | 'targetIds' | 'targetName' | 'details' | 'action'>
> {
  /** False: needs no reason even with AUDIT_REASON=required, because stopping a run is urgent. */
  asksReason?: boolean;
}

interface Actor {
  viewer: Viewer;
  requestId: string;
  reason: string | null;
}

/** Builds the redacted audit record of an action in a request. */
export function createAuditEvent(
  { viewer, requestId, reason }: Actor,
  action: AuditEvent['action'],
  input: Attempt & Partial<AuditEvent>,
): AuditEvent {
  const { asksReason: _, targetName, details = {}, ...fields } = input;
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
    ...fields,
    ...(targetName === undefined ? {} : { targetName: rules.redactText(targetName) }),
    details: rules.redactPlain(details),
  };
}

/** Errors that reject an action before it begins. */
const REFUSAL_CODES = new Set<ErrorCode>([
  'forbidden',
  'read_only',
  'bad_request',
  'reason_required',
  'not_understood',
  'bulk_too_large',
  'undo_expired',
]);

/**
 * A bulk action without a valid confirmation. `currentCount`: the number of jobs, if it exceeds the
 * confirmed one.
 */
export class NotConfirmedError extends Error {
  constructor(readonly currentCount?: number) {
    super('not confirmed');
  }
}

/**
 * Returns the audit fields for the error of an attempt. A lock timeout is recorded as `locked`
 * rows, like the locked rows of an action that succeeds for other rows.
 */
export function failureFieldsOf(
  error: unknown,
  { targetIds = [] }: Attempt,
): Pick<AuditEvent, 'counts' | 'error' | 'refused'> {
  if (error instanceof RefusalError || error instanceof SettingRefusalError)
    return { counts: {}, error: error.code, refused: true };
  if (error instanceof NotConfirmedError)
    return { counts: {}, error: 'not_confirmed', refused: true };
  if (!(error instanceof ConsoleError)) return { counts: {}, error: 'unexpected' };
  if (error.code === 'locked' && targetIds.length > 0)
    return { counts: { locked: targetIds.length } };
  return { counts: {}, error: error.code, refused: REFUSAL_CODES.has(error.code) };
}

/*
 * Limits the records of attempts that changed nothing, so that one viewer cannot fill the audit
 * table. Each record has a bounded size; repeated attempts are counted and summarized in one
 * record.
 */

/** Maximum records per period for one viewer, action and error; further attempts are counted. */
const MAX_RECORDS = 10;
const ATTEMPT_PERIOD_MS = 60_000;
/** Delay of a summary: at most four per minute. */
const SUMMARY_DELAY_MS = 15_000;
/** Maximum combinations of viewer, action and error; the oldest one is summarized early. */
const MAX_COUNTERS = 1_000;

type Write = (event: AuditEvent) => Promise<void>;
interface Counter {
  /** Start of the period, Unix ms. */
  startedAt: number;
  recordCount: number;
  /** Attempts since the last summary. */
  omittedCount: number;
  /** Time of the first attempt since the last summary, ISO 8601. */
  omittedSince: string;
  lastEvent: AuditEvent;
  write: Write;
  timer: NodeJS.Timeout | null;
}

const counters = processState('refused attempts', () => new Map<string, Counter>());

/** Writes the record of an attempt, or counts it for a later summary. */
export async function writeAttempt(event: AuditEvent, write: Write): Promise<void> {
  const key = JSON.stringify([event.viewer, event.action, event.error]);
  const now = Date.now();
  let counter = counters.get(key);
  if (!counter || now - counter.startedAt >= ATTEMPT_PERIOD_MS) {
    if (counter) await summarize(counter);
    counter = {
      startedAt: now,
      recordCount: 0,
      omittedCount: 0,
      omittedSince: '',
      lastEvent: event,
      write,
      timer: null,
    };
    counters.delete(key);
    counters.set(key, counter);
    await evictOldest();
  }
  Object.assign(counter, { lastEvent: event, write });
  if (counter.recordCount < MAX_RECORDS) {
    counter.recordCount += 1;
    return write(event);
  }
  if (counter.omittedCount === 0) counter.omittedSince = new Date(now).toISOString();
  counter.omittedCount += 1;
  const { timer } = counter;
  counter.timer = timer ?? setTimeout(() => void summarize(counter), SUMMARY_DELAY_MS).unref();
  onShutdown('refused attempts', flushAttempts);
}

/** Writes all pending summaries, at shutdown and in tests. */
export async function flushAttempts(): Promise<void> {
  await Promise.all([...counters.values()].map(summarize));
}

async function summarize(counter: Counter): Promise<void> {
  const { omittedCount, omittedSince, lastEvent, write, timer } = counter;
  if (timer) clearTimeout(timer);
  Object.assign(counter, { omittedCount: 0, timer: null });
  if (omittedCount === 0) return;
  const { targetName: _, ...event } = lastEvent;
  await write({
    ...event,
    targetType: 'none',
    targetIds: [],
    reason: null,
    details: { attempts: omittedCount, since: omittedSince, until: new Date().toISOString() },
  });
}

async function evictOldest(): Promise<void> {
  if (counters.size <= MAX_COUNTERS) return;
  const [oldest] = counters;
  if (!oldest) return;
  counters.delete(oldest[0]);
  await summarize(oldest[1]);
}

const MAX_VALUE_LENGTH = 2_000;
const MAX_NAME_LENGTH = 500;
const MAX_DETAILS_LENGTH = 4_000;
const truncate = (text: string, length: number) =>
  text.length <= length ? text : `${text.slice(0, length).replace(/[\ud800-\udbff]$/, '')}…`;

/**
 * Truncates the record of an attempt to a bounded size. The record must be redacted already,
 * because a truncated secret is not detected.
 */
export function truncateAttempt(event: AuditEvent): AuditEvent {
  const { targetIds, targetName, details } = event;
  const truncated = Object.fromEntries(
    Object.entries(details).map(([name, value]) => [
      name,
      typeof value === 'string' ? truncate(value, MAX_VALUE_LENGTH) : value,
    ]),
  );
  const boundDetails =
    targetIds.length > MAX_ROWS ? { ...truncated, targets: targetIds.length } : truncated;
  return {
    ...event,
    targetIds: targetIds.slice(0, MAX_ROWS),
    ...(targetName === undefined ? {} : { targetName: truncate(targetName, MAX_NAME_LENGTH) }),
    details:
      JSON.stringify(boundDetails).length > MAX_DETAILS_LENGTH ? { too_large: true } : boundDetails,
  };
}
