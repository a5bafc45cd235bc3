import type { ErrorCode } from '@/lib/core/errors';

/**
 * Codes with which the gateway rejects a Server Action; the client gets them as an error message.
 */
const GATEWAY_CODES: ErrorCode[] = ['signed_out', 'no_role', 'too_many_requests'];
/** The gateway's codes for requests that only a page from another release sends. */
const OUTDATED_PAGE_CODES = new Set(['unknown_action', 'bad_action']);
/** Errors that Next's client throws for a script or an action that the server no longer has. */
const OUTDATED_PAGE_ERRORS = new Set(['ChunkLoadError', 'UnrecognizedActionError']);

/** The result of an action whose call threw. */
export function toActionError(error: unknown): { ok: false; error: ErrorCode } {
  return { ok: false, error: gatewayCode(error) ?? 'unexpected' };
}

/** The gateway's error code, or null for any other error. */
export function gatewayCode(error: unknown): ErrorCode | null {
  if (!(error instanceof Error)) return null;
  if (OUTDATED_PAGE_CODES.has(error.message) || OUTDATED_PAGE_ERRORS.has(error.name))
    return 'console_updated';
  return GATEWAY_CODES.find((code) => code === error.message) ?? null;
}

/** Whether the page is from another release than the server; its form then stays open. */
export function isConsoleUpdated(result: { ok: boolean; error?: ErrorCode }): boolean {
  return result.error === 'console_updated';
}
