/** Characters; the audit holds the name. */
export const MAX_NAME = 256;
/** Of one person; more are not looked at. */
export const MAX_GROUPS = 2_000;

// Control characters, line ends, what has no width or turns the direction of the text around it, and halves of characters.
const UNFIT = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/u;

/**
 * A name as it may stand in the audit and on a page, '' when there is none; null: it may not. Nothing is taken off: a
 * name with a space of whatever kind at its edge is not the one without, and looks like it.
 */
export function nameText(value: string): string | null {
  return value.length <= MAX_NAME && !UNFIT.test(value) && value === value.trim() ? value : null;
}
