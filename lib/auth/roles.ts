import { ROLES, Role, Rule, RoleRules, lowerAscii } from '../config/roles';

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

/** Who somebody is, as the proxy, the token or the provider vouched for it. */
export interface Identity {
  /** As the audit names them. */
  id: string;
  /** What `user:` rules are compared with; mostly the same as `id`. */
  user: string;
  /** Vouched for; null when there is none or nobody verified it. */
  email: string | null;
  /** For people to read; nothing goes by it. */
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
      // What is after the only @, whole: neither a subdomain nor an address that hides another.
      return (
        email !== null &&
        /^[^@]+@[^@]+$/.test(email) &&
        lowerAscii(email.slice(email.indexOf('@') + 1)) === rule.value
      );
  }
}

/** The strongest role that a rule gives; null: may not even look. */
export function roleOf(identity: Identity, rules: RoleRules): Role | null {
  return ROLES.findLast((role) => rules[role].some((rule) => matches(rule, identity))) ?? null;
}

/** The groups that any rule speaks of: all that is worth keeping of a long list. */
export function groupsOfRules(rules: RoleRules): Set<string> {
  return new Set(
    ROLES.flatMap((role) => rules[role]).flatMap((rule) =>
      rule.kind === 'group' ? [rule.value] : [],
    ),
  );
}

/** The front door's word to the pages on who is asking; it takes away whatever a client sent under that name. */
export const VIEWER_HEADER = 'x-gjc-viewer';

/** Without sign-in, who has a session of this machine, or everybody in the open mode. */
export const LOCAL: Viewer = { id: 'local', role: 'admin' };

/** `role:id:email:name`: a header holds bytes, and a name may be in any script. */
export function encodeViewer({ role, id, email, name }: Viewer): string {
  return [role, id, email ?? '', name ?? ''].map(encodeURIComponent).join(':');
}

/** null: nobody was let in, and nothing may be shown. */
export function decodeViewer(header: string | null): Viewer | null {
  const [role = '', id = '', email = '', name = ''] = (header ?? '')
    .split(':')
    .map(decodeURIComponent);
  return isRole(role) && id !== '' ? { id, role, email: email || null, name: name || null } : null;
}

function isRole(role: string): role is Role {
  return ROLES.some((known) => known === role);
}
