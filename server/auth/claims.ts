import type { Identity } from '../../lib/auth/roles';
import { MAX_GROUPS, safeName } from './name-text';

type Claims = Record<string, unknown>;

/** Reads a claim by name or by dotted path (`realm_access.roles`); own properties only. */
function readClaim(claims: Claims, name: string): unknown {
  if (Object.hasOwn(claims, name)) return claims[name];
  return name
    .split('.')
    .reduce<unknown>(
      (value, part) => (isObject(value) && Object.hasOwn(value, part) ? value[part] : undefined),
      claims,
    );
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function nonEmptyText(value: unknown): string | null {
  return typeof value === 'string' || typeof value === 'number'
    ? safeName(String(value)) || null
    : null;
}

/** For display only; no rule depends on it. */
function displayText(value: unknown): string | null {
  return typeof value === 'string' ? nonEmptyText(value.trim()) : null;
}

export interface ClaimNames {
  user: string;
  email: string;
  groups: string;
  /**
   * Accepts an email without `email_verified`. An email with `email_verified: false` never counts.
   */
  trustEmail: boolean;
}

/** Returns the identity in verified claims; null without a user claim. */
export function identityOf(claims: Claims, names: ClaimNames): Identity | null {
  const user = nonEmptyText(readClaim(claims, names.user));
  if (!user) return null;
  const verified = readClaim(claims, 'email_verified');
  const isEmailTrusted =
    verified === true || verified === 'true' || (verified === undefined && names.trustEmail);
  const email = isEmailTrusted ? nonEmptyText(readClaim(claims, names.email)) : null;
  const groups = readClaim(claims, names.groups);
  const groupList: unknown[] = Array.isArray(groups) ? groups : [groups];
  return {
    id: email ?? user,
    user,
    email,
    name: displayText(readClaim(claims, 'name')),
    groups: groupList.slice(0, MAX_GROUPS).flatMap((group) => nonEmptyText(group) ?? []),
  };
}

/** Whether Entra omitted the groups because the user has too many ("groups overage"). */
export function hasGroupsOverage(claims: Claims, groupsClaim: string): boolean {
  const claimNames = readClaim(claims, '_claim_names');
  const hasGroups = readClaim(claims, 'hasgroups');
  return (
    hasGroups === true ||
    hasGroups === 'true' ||
    (typeof claimNames === 'object' &&
      claimNames !== null &&
      Object.hasOwn(claimNames, groupsClaim))
  );
}
