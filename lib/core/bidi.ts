/** Characters that change the direction of the text around them, so that it reads as something else. */
const BIDI = /[\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/;
const EVERY_BIDI = new RegExp(BIDI.source, 'g');

/**
 * The text with each bidirectional control as its escape, such as `\u202e`. In JSON source text the escape means the
 * same character, so the JSON still parses to the same value.
 */
export function escapeBidi(text: string): string {
  return BIDI.test(text)
    ? text.replaceAll(
        EVERY_BIDI,
        (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`,
      )
    : text;
}
