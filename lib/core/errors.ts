/**
 * Codes of the failures that a viewer can see; each has a message `errors.<code>` in both
 * languages.
 */
export const ERROR_CODES = [
  'database_down',
  'database_busy',
  'database_tls',
  'tls_self_signed',
  'tls_unknown_authority',
  'tls_host_name',
  'tls_expired',
  'tls_not_offered',
  'tls_required_by_server',
  'database_login',
  'query_timeout',
  'read_only',
  'no_permission',
  'schema_changed',
  'no_schema',
  'no_tables',
  'good_job_3',
  'no_read_permission',
  'locked',
  /** The console's own tables are locked, for example by one of its migrations. */
  'console_locked',
  /** Postgres rolled back a write that was idle for too long. */
  'transaction_idle',
  'forbidden',
  /** The next three come from the request gateway, for pages that poll or submit an action. */
  'signed_out',
  'no_role',
  'too_many_requests',
  'bulk_too_large',
  'bad_request',
  /** A page of another release sent a request that this server does not accept. */
  'console_updated',
  /** A form submitted without JavaScript has an invalid date. */
  'bad_time',
  /** The action is too old to be undone, or its audit record does not exist. */
  'undo_expired',
  /** AUDIT_REASON=required, and the request has no reason. */
  'reason_required',
  /** A part of the filter cannot be parsed, so actions and exports reject the whole filter. */
  'not_understood',
  'unexpected',
] as const;
export type ErrorCode = (typeof ERROR_CODES)[number];

/** An error whose code the client may see; `cause` goes to the log, never to the client. */
export class ConsoleError extends Error {
  constructor(
    readonly code: ErrorCode,
    options?: { cause?: unknown },
  ) {
    super(code, options);
    this.name = 'ConsoleError';
  }
  /** Compares by name: Next loads this module several times, and each copy has its own class. */
  static override [Symbol.hasInstance](value: unknown): value is ConsoleError {
    return value instanceof Error && value.name === 'ConsoleError';
  }
  /** Next passes the digest, not the message, to an error boundary. */
  get digest(): string {
    return this.code;
  }
}

/** Returns the HTTP status of an error code. */
export function statusOf(code: ErrorCode): number {
  switch (code) {
    case 'bad_request':
    case 'console_updated':
    case 'bad_time':
    case 'undo_expired':
    case 'reason_required':
    case 'not_understood':
      return 400;
    case 'signed_out':
      return 401;
    case 'forbidden':
    case 'no_role':
    case 'bulk_too_large':
    case 'read_only':
    case 'no_permission':
      return 403;
    case 'locked':
    case 'console_locked':
      return 409;
    case 'too_many_requests':
      return 429;
    case 'unexpected':
      return 500;
    default:
      return 503;
  }
}

/**
 * A `catch` handler for optional data: returns null for a `query_timeout` and throws any other
 * error.
 */
export function ignoreTimeout(error: unknown): null {
  if (error instanceof ConsoleError && error.code === 'query_timeout') return null;
  throw error;
}

/** Header of polled responses: the build that answers. */
export const RELEASE_HEADER = 'x-console-release';

/**
 * The action of a form returns this instead of a URL when the form must stay on its page and report
 * that the console was updated.
 */
export const STAY_ON_PAGE = 'console_updated';

/**
 * Returns the SQLSTATE of a Postgres error or Node's code of a system error, else undefined. Both
 * are upper case, so the lower-case codes of ConsoleError never match.
 */
export function codeOf(error: unknown): string | undefined {
  const code =
    typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^[0-9A-Z_]+$/.test(code) ? code : undefined;
}
