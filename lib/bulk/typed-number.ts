/** What was typed as a number, separators and full-width digits included; null: it is none. */
export function readNumber(text: string): number | null {
  const digits = text.normalize('NFKC').replaceAll(/[\s,.’']/g, '');
  return /^\d{1,15}$/.test(digits) ? Number(digits) : null;
}
