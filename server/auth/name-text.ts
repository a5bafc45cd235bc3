/** The audit log stores the name. */
const MAX_NAME_LENGTH = 256;
/** Groups per user; the rest is ignored. */
export const MAX_GROUPS = 2_000;

// Control characters, line ends, invisible or bidirectional formatting, and lone surrogates.
const UNSAFE_CHARACTER = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/u;

/**
 * Returns the name if the audit and pages may show it, otherwise null. Never trims: a name with
 * surrounding space belongs to a different user but looks the same.
 */
export function safeName(value: string): string | null {
  return value.length <= MAX_NAME_LENGTH && !UNSAFE_CHARACTER.test(value) && value === value.trim()
    ? value
    : null;
}
