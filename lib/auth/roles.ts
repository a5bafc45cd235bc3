import { ROLES, Role, Rule, RoleRules, lowerAscii } from '../config/authentication';

/** The minimum role for each permission. Mutations enforce it; the UI only mirrors it. */
export const PERMISSIONS = {
  'job.reschedule': 'operator',
  'job.retry': 'operator',
  'job.discard': 'operator',
  'job.force_discard': 'admin',
  'job.destroy': 'admin',
  /** The role of the action that is undone. */
  'job.undo_reschedule': 'operator',
  'job.undo_discard': 'operator',
  /** Returns the job of a dead worker to its queue, as GoodJob's process clean-up does. */
  'job.release': 'operator',
  'batch.retry': 'operator',
  /** Runs the completion check of a batch that no worker will check. */
  'batch.check': 'operator',
  /** A bulk run of more rows than BULK_OPERATOR_LIMIT. */
  'bulk.large': 'admin',
  'pause.pause': 'admin',
  'pause.unpause': 'admin',
  /** Reverts a pause that is still as its action left it. */
  'pause.undo': 'admin',
  /** A timed pause then stays until it is unpaused. */
  'pause.drop_end': 'admin',
  'cron.enable': 'admin',
  'cron.disable': 'admin',
  'cron.enqueue': 'admin',
  /** Shows a redacted value: a read, but recorded in the audit. */
  'argument.reveal': 'admin',
} as const satisfies Record<string, Role>;
export type Permission = keyof typeof PERMISSIONS;

/** All permissions; the cast restores the key type that `Object.keys` loses. */
export const PERMISSION_NAMES = Object.keys(PERMISSIONS) as Permission[];

/** The authenticated viewer of a request. */
export interface Viewer {
  /** User name or e-mail address in the audit; `local` without sign-in. */
  id: string;
  /** Display name and address from the identity provider, shown in the audit. */
  name?: string | null;
  email?: string | null;
  role: Role;
}

export type Denial = 'read_only' | 'forbidden';

/** Returns why a viewer lacks a permission, or null if they have it. */
export function denial(viewer: Viewer, permission: Permission, readOnly: boolean): Denial | null {
  if (readOnly) return 'read_only';
  return ROLES.indexOf(viewer.role) >= ROLES.indexOf(PERMISSIONS[permission]) ? null : 'forbidden';
}

/** An identity that the proxy, the token or the OIDC provider has asserted. */
export interface Identity {
  /** The id in the audit. */
  id: string;
  /** The id that `user:` rules match; usually the same as `id`. */
  user: string;
  /** A verified address; null if there is none or it is not verified. */
  email: string | null;
  /** Only for display; no rule uses it. */
  name: string | null;
  groups: string[];
}

function matches(rule: Rule, { user, email, groups }: Identity): boolean {
  switch (rule.kind) {
    case 'anyone':
      return true;
    case 'group':
      return groups.includes(rule.value);
    case 'user':
      return user === rule.value;
    case 'email':
      return email !== null && lowerAscii(email) === rule.value;
    case 'domain':
      // Requires exactly one @ and compares the whole domain, so that neither a subdomain nor a
      // second address in the local part matches.
      return (
        email !== null &&
        /^[^@]+@[^@]+$/.test(email) &&
        lowerAscii(email.slice(email.indexOf('@') + 1)) === rule.value
      );
  }
}

/** Returns the strongest role that a rule grants; null if none does. */
export function roleOf(identity: Identity, rules: RoleRules): Role | null {
  return ROLES.findLast((role) => rules[role].some((rule) => matches(rule, identity))) ?? null;
}

/** Returns the groups that occur in rules; a session stores only these of a long list. */
export function groupsOfRules(rules: RoleRules): Set<string> {
  return new Set(
    ROLES.flatMap((role) => rules[role]).flatMap((rule) =>
      rule.kind === 'group' ? [rule.value] : [],
    ),
  );
}

/** Header with the viewer for the pages; the gateway removes it from client requests. */
export const VIEWER_HEADER = 'x-gjc-viewer';

/**
 * The viewer without sign-in: every request in the open mode, else the holder of the local session.
 */
export const LOCAL_VIEWER: Viewer = { id: 'local', role: 'admin' };

/** Encodes a viewer as `role:id:email:name`, percent-encoded because headers must be ASCII. */
export function encodeViewer({ role, id, email, name }: Viewer): string {
  return [role, id, email ?? '', name ?? ''].map(encodeURIComponent).join(':');
}

/**
 * Decodes the viewer header; returns null if it is missing or invalid. Throws URIError for
 * malformed percent-encoding, which only the gateway could have sent.
 */
export function decodeViewer(header: string | null): Viewer | null {
  const [role = '', id = '', email = '', name = ''] = (header ?? '')
    .split(':')
    .map(decodeURIComponent);
  return isRole(role) && id !== '' ? { id, role, email: email || null, name: name || null } : null;
}

function isRole(role: string): role is Role {
  return ROLES.some((candidate) => candidate === role);
}
