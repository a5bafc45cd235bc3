import type { AuditEvent } from './audit';
import { outcomeOf } from './outcome';

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
export interface RefusedAtDoor {
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
export function printRefusedAtDoor(
  { path, ...refused }: RefusedAtDoor,
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
