/** Characters; the audit holds the name. */
export const MAX_NAME = 256;
/** Of one person; more are not looked at. */
export const MAX_GROUPS = 2_000;

// Control characters, line ends, what turns the direction of the text around it, and halves of characters.
const UNFIT = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\p{Cs}]/u;

/** A name as it may stand in the audit and on a page, '' when there is none; null: it may not. */
export function nameText(value: string): string | null {
  const text = value.trim();
  return text.length <= MAX_NAME && !UNFIT.test(text) ? text : null;
}
