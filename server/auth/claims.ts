import type { Identity } from '../../lib/auth/roles';
import { MAX_GROUPS, nameText } from './name-text';

/** A claim by its name, else by a path of names between dots (`realm_access.roles`); its own properties only. */
function claimOf(claims: object, name: string): unknown {
  if (Object.hasOwn(claims, name)) return (claims as Record<string, unknown>)[name];
  return name
    .split('.')
    .reduce<unknown>(
      (value, part) =>
        typeof value === 'object' && value !== null && Object.hasOwn(value, part)
          ? (value as Record<string, unknown>)[part]
          : undefined,
      claims,
    );
}

function textOf(value: unknown): string | null {
  return typeof value === 'string' || typeof value === 'number'
    ? nameText(String(value)) || null
    : null;
}

/** For people to read alone: no rule goes by it. */
function displayOf(value: unknown): string | null {
  return typeof value === 'string' ? textOf(value.trim()) : null;
}

export interface ClaimNames {
  user: string;
  email: string;
  groups: string;
  /** An address counts although `email_verified` is absent. Where it is there and false it never counts. */
  trustEmail: boolean;
}

/** What verified claims say of a person; null: not even who it is. */
export function identityOf(claims: object, names: ClaimNames): Identity | null {
  const user = textOf(claimOf(claims, names.user));
  if (!user) return null;
  const verified = claimOf(claims, 'email_verified');
  const counts =
    verified === true || verified === 'true' || (verified === undefined && names.trustEmail);
  const email = counts ? textOf(claimOf(claims, names.email)) : null;
  const groups = claimOf(claims, names.groups);
  const many = Array.isArray(groups) ? (groups as unknown[]) : [groups];
  return {
    id: email ?? user,
    user,
    email,
    name: displayOf(claimOf(claims, 'name')),
    groups: many.slice(0, MAX_GROUPS).flatMap((group) => textOf(group) ?? []),
  };
}

/** Entra leaves the groups out of the token of somebody who is in many, and says so. */
export function leftGroupsOut(claims: object, groupsClaim: string): boolean {
  const elsewhere = claimOf(claims, '_claim_names');
  const hasGroups = claimOf(claims, 'hasgroups');
  return (
    hasGroups === true ||
    hasGroups === 'true' ||
    (typeof elsewhere === 'object' && elsewhere !== null && Object.hasOwn(elsewhere, groupsClaim))
  );
}
