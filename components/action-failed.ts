import type { ErrorCode } from '@/lib/core/errors';

/** What the gateway may answer in an action's place; its code is the error's message then. */
const GATEWAY: ErrorCode[] = ['signed_out', 'no_role', 'too_many_requests'];
/** The gateway's codes for what only the page of another release sends. */
const UPDATED = new Set(['unknown_action', 'bad_action']);
/** The errors of Next's client for a script and for an action that the server no longer has. */
const UPDATED_NAMES = new Set(['ChunkLoadError', 'UnrecognizedActionError']);

/** The result of an action that could not be called. */
export function actionFailed(error: unknown): { ok: false; error: ErrorCode } {
  return { ok: false, error: gatewayCode(error) ?? 'unexpected' };
}

/** null: some other error. */
export function gatewayCode(error: unknown): ErrorCode | null {
  if (!(error instanceof Error)) return null;
  if (UPDATED.has(error.message) || UPDATED_NAMES.has(error.name)) return 'console_updated';
  return GATEWAY.find((code) => code === error.message) ?? null;
}

/** Whether the page is of another release: its form stays open, with what was typed. */
export function isConsoleUpdated(result: { ok: boolean; error?: ErrorCode }): boolean {
  return result.error === 'console_updated';
}
