import { EnvError } from './values';

/** Roles, weakest first. */
export const ROLES = ['viewer', 'operator', 'admin'] as const;

export type Role = (typeof ROLES)[number];

export type Rule =
  { kind: 'group' | 'email' | 'domain' | 'user'; value: string } | { kind: 'anyone' };

export type RoleRules = Record<Role, Rule[]>;

/** Case folding beyond ASCII would make equals of addresses that are not: the Kelvin sign's small letter is k. */
export const lowerAscii = (text: string) =>
  text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());

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
