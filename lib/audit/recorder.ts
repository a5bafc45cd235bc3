import sql, { raw } from 'sql-template-tag';
import type { Permission } from '../auth/roles';
import type { Tx } from '../db/database';
import type { Outcome } from '../good-job/outcomes';

export const CONSOLE_SCHEMA = 'good_job_console';
/** One record an act; those of bulk runs have counts that grow with the run. */
export const AUDIT_EVENTS = raw(`"${CONSOLE_SCHEMA}"."audit_events"`);

/** `none`: it is not known what was meant. */
export type AuditTargetType =
  'job' | 'batch' | 'bulk_run' | 'queue' | 'job_class' | 'label' | 'cron_key' | 'none';

/** Acts that need the permission of another act, reads that are on record, and what was sent to an action and could not be read. */
export const OTHER_ACTIONS = [
  'audit.export',
  'bulk.pause',
  'bulk.resume',
  'bulk.cancel',
  'job.export',
  'unreadable',
] as const;
export type AuditAction = Permission | (typeof OTHER_ACTIONS)[number];

/** One act of one viewer, as it is kept. */
export interface AuditEvent {
  viewer: string;
  viewerName?: string | null;
  viewerEmail?: string | null;
  role: string;
  requestId: string;
  action: AuditAction;
  targetType: AuditTargetType;
  /** UUIDs; empty for a target that has a name instead. */
  targetIds: string[];
  /** A queue, class, label or cron key. */
  targetName?: string;
  /** Rows by outcome: `{ "done": 3, "locked": 1 }`. */
  counts: Record<string, number>;
  /** What else is needed to understand it: the chosen time, the callbacks enqueued. */
  details: Record<string, unknown>;
  /** In the viewer's own words. */
  reason?: string | null;
  /** The rows before and after, by id: JSON text that is redacted and bounded already (lib/audit/snapshot.ts). */
  before?: string | null;
  after?: string | null;
  /** Why all of it came to nothing: a code of lib/core/errors.ts, or of a refusal. */
  error?: string | null;
  /** With `error`: it was not allowed or could not be accepted, rather than begun and undone. */
  refused?: boolean;
}

export function countOutcomes(outcomes: Outcome[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { outcome } of outcomes) counts[outcome] = (counts[outcome] ?? 0) + 1;
  return counts;
}

/** Records the act in the transaction that carries it out: either both are there afterwards or neither. Returns the record's id. */
export async function recordAudit(tx: Tx, event: AuditEvent): Promise<string> {
  const [row] = await tx.query<{ id: string }>(sql`
    INSERT INTO ${AUDIT_EVENTS} (viewer, viewer_name, viewer_email, role, request_id, action, target_type, target_ids, target_name, counts, details, reason, before, after, error, refused)
    VALUES (${event.viewer}, ${event.viewerName ?? null}, ${event.viewerEmail ?? null}, ${event.role}, ${event.requestId}, ${event.action}, ${event.targetType},
            ${event.targetIds}::uuid[], ${event.targetName ?? null}, ${JSON.stringify(event.counts)}, ${JSON.stringify(event.details)},
            ${event.reason ?? null}, ${event.before ?? null}, ${event.after ?? null}, ${event.error ?? null}, ${event.refused ?? false}) RETURNING id`);
  if (!row) throw new Error('The audit record was not written.');
  return row.id;
}

/**
 * What an act came to as a whole. `refused`: not allowed, or it could not be accepted. `failed`: it was begun and undone.
 * `unchanged`: every row was in another state, held, or gone. `started`: a bulk run that has dealt with no job yet.
 */
export const AUDIT_OUTCOMES = [
  'done',
  'mixed',
  'unchanged',
  'refused',
  'failed',
  'started',
] as const;
export type AuditOutcome = (typeof AUDIT_OUTCOMES)[number];

/** The rule of the column `outcome` (lib/console-schema/migrations.ts, version 5). */
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
 * The audit as lines of the log, one JSON object each: `{"audit":{"at":…,"action":…,"outcome":…}}`. For acts that
 * there is no place to record (`npm run setup`, READ_ONLY), and for requests that nobody is known to have sent.
 */

/** Without the console's own schema the record goes to stdout. `before` and `after` keep their numbers' digits. */
export function printAudit({ before, after, ...event }: AuditEvent): void {
  const rows = [...(before ? [`"before":${before}`] : []), ...(after ? [`"after":${after}`] : [])];
  print({ ...event, outcome: outcomeOf(event) }, rows);
}

/** A request that was refused before any page or action ran: no one has signed in, or nothing proves where it comes from. */
export interface RefusedByGateway {
  requestId: string;
  /** Who was recognised: as a proxy, a token or a session proves it; null: a stranger. */
  viewer?: string | null;
  /** A code: `foreign_origin`, `bad_token`, … Never anything of the request that could be a secret. */
  error: string;
  status: number;
  method: string;
  /** Its query is left out. */
  path: string;
  /** Of the client, as far as TRUSTED_PROXIES vouch for it; else of the other end of the connection. */
  address?: string | null;
}

/**
 * Lines printed in a period at most: whoever knocks without end must not fill the disk. Strangers have an allowance of
 * their own, so that nobody can hide what a colleague does behind a noise.
 */
const LINES = 300;
/** Of them those of one recognised viewer, so that somebody without a role leaves room for the others. */
const LINES_OF_VIEWER = 60;
const PERIOD_MS = 60_000;
const PATH_SHOWN = 200;
const periods = {
  strangers: { began: 0, lines: 0, left: 0 },
  recognised: { began: 0, lines: 0, left: 0 },
};
const linesOf = new Map<string, number>();

/** Prints what was refused at the door; never to the database. Past LINES a period they are counted, and the count is printed. */
export function printRefusedByGateway(
  { path, ...refused }: RefusedByGateway,
  now: number = Date.now(),
): void {
  const who = refused.viewer == null ? 'strangers' : 'recognised';
  const period = periods[who];
  if (now - period.began >= PERIOD_MS) {
    if (period.left > 0)
      print({ action: 'door', outcome: 'refused', notPrinted: period.left, of: who });
    Object.assign(period, { began: now, lines: 0, left: 0 });
    if (who === 'recognised') linesOf.clear();
  }
  const own = refused.viewer == null ? 0 : (linesOf.get(refused.viewer) ?? 0);
  if (period.lines >= LINES || own >= LINES_OF_VIEWER) period.left += 1;
  else {
    period.lines += 1;
    if (refused.viewer != null) linesOf.set(refused.viewer, own + 1);
    print({
      action: 'door',
      outcome: 'refused',
      viewer: null,
      ...refused,
      path: path.split('?', 1)[0]?.slice(0, PATH_SHOWN),
    });
  }
}

/** JSON leaves as they are: what a terminal obeys beyond ASCII, what a reader of lines ends one at, what turns the direction of a text. */
const UNFIT = /[\u007f-\u009f\u2028\u2029\p{Cf}]/gu;
const escapes = new Map<string, string>();

/** The escapes of one character; there are some two hundred that are UNFIT. */
function escapeOf(char: string): string {
  const cached = escapes.get(char);
  if (cached !== undefined) return cached;
  let escape = '';
  for (let at = 0; at < char.length; at += 1)
    escape += `\\u${char.charCodeAt(at).toString(16).padStart(4, '0')}`;
  escapes.set(char, escape);
  return escape;
}

const escaped = (json: string) => json.replaceAll(UNFIT, escapeOf);

function print(event: object, rows: string[] = []): void {
  const line = JSON.stringify({ at: new Date().toISOString(), ...event });
  console.log(
    escaped(`{"audit":${rows.length > 0 ? `${line.slice(0, -1)},${rows.join(',')}}` : line}}`),
  );
}
