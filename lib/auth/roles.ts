import { EnvError } from '../env-values';
import { ROLES, type Role } from './permissions';

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

type Rule = { kind: 'group' | 'email' | 'domain' | 'user'; value: string } | { kind: 'anyone' };
export type RoleRules = Record<Role, Rule[]>;

/** Case folding beyond ASCII would make equals of addresses that are not: the Kelvin sign's small letter is k. */
const lowerAscii = (text: string) => text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
const DOMAIN = /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/;

function readRule(name: string, text: string): Rule {
  if (text === '*') {
    if (name !== 'ROLE_VIEWERS')
      throw new EnvError(`${name} must name people or groups: * is for ROLE_VIEWERS alone.`);
    return { kind: 'anyone' };
  }
  if (text.startsWith('group:') && text.length > 6) return { kind: 'group', value: text.slice(6) };
  if (text.startsWith('user:') && text.length > 5) return { kind: 'user', value: text.slice(5) };
  const [local, domain, ...more] = text.split('@');
  if (domain !== undefined && DOMAIN.test(domain) && more.length === 0 && !/[\s*:]/.test(text))
    return local === ''
      ? { kind: 'domain', value: lowerAscii(domain) }
      : { kind: 'email', value: lowerAscii(text) };
  throw new EnvError(
    `${name} must be a comma list of group:NAME, user:ID, an e-mail address or @domain, and has "${text}".`,
  );
}

/** Reads the three lists; throws EnvError with one sentence for a rule that is none. */
export function readRoleRules(lists: Record<Role, string[]>): RoleRules {
  const rules = (role: Role) =>
    lists[role].map((text) => readRule(`ROLE_${role.toUpperCase()}S`, text));
  return { viewer: rules('viewer'), operator: rules('operator'), admin: rules('admin') };
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
