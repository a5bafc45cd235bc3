/**
 * Types a Server Action for the `action` of a form, whose type allows no result. It returns the
 * same function, which a form without JavaScript needs.
 */
export function formAction(action: (form: FormData) => unknown): (form: FormData) => void {
  return action;
}
