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
  'batch.retry': 'operator',
} as const satisfies Record<string, Role>;
export type Permission = keyof typeof PERMISSIONS;

/** Who is asking. */
export interface Viewer {
  /** As the audit names them: a user name or e-mail; `local` when nobody signs in. */
  id: string;
  role: Role;
}

export type Denial = 'read_only' | 'forbidden';

/** Whether this viewer may do it now; else why not. `readOnly`: the console was started with READ_ONLY=1. */
export function denial(viewer: Viewer, permission: Permission, readOnly: boolean): Denial | null {
  if (readOnly) return 'read_only';
  return ROLES.indexOf(viewer.role) >= ROLES.indexOf(PERMISSIONS[permission]) ? null : 'forbidden';
}
