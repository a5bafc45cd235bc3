/**
 * A Server Action as the `action` of a form. It stays the same function, which a form without JavaScript needs; React
 * ignores what it returns, and its types allow no result there.
 */
export function formAction(action: (form: FormData) => unknown): (form: FormData) => void {
  return action;
}
