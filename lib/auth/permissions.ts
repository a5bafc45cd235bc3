/** Roles, weakest first. */
export const ROLES = ['viewer', 'operator', 'admin'] as const;
export type Role = (typeof ROLES)[number];

/** The one table of who may do what: the weakest role that may. The mutations enforce it; the UI mirrors it. */
export const PERMISSIONS = {
  'job.reschedule': 'operator',
  'job.retry': 'operator',
  'job.discard': 'operator',
  'job.force_discard': 'admin',
  'job.destroy': 'admin',
  /** Gives the job of a dead worker back to the queue, as GoodJob's own clean-up does. */
  'job.release': 'operator',
  'batch.retry': 'operator',
  /** Runs the completion check of a batch that nobody checks any more. */
  'batch.check': 'operator',
  /** A bulk run of more rows than BULK_OPERATOR_LIMIT. */
  'bulk.large': 'admin',
  'pause.pause': 'admin',
  'pause.unpause': 'admin',
  'cron.enable': 'admin',
  'cron.disable': 'admin',
  'cron.enqueue': 'admin',
  /** Shows what redaction hides; a read, but on record. */
  'argument.reveal': 'admin',
} as const satisfies Record<string, Role>;
export type Permission = keyof typeof PERMISSIONS;

/** Who is asking. */
export interface Viewer {
  /** As the audit names them: a user name or e-mail; `local` when nobody signs in. */
  id: string;
  /** As the identity provider tells them, for people who read the audit. */
  name?: string | null;
  email?: string | null;
  role: Role;
}

export type Denial = 'read_only' | 'forbidden';

/** Whether this viewer may do it now; else why not. `readOnly`: the console was started with READ_ONLY=1. */
export function denial(viewer: Viewer, permission: Permission, readOnly: boolean): Denial | null {
  if (readOnly) return 'read_only';
  return ROLES.indexOf(viewer.role) >= ROLES.indexOf(PERMISSIONS[permission]) ? null : 'forbidden';
}
