/** What the reader is told when something could not be done; each is a message key `errors.<code>` in both languages. */
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
  /** The console's own tables are locked, by a migration of them for example. */
  'console_locked',
  /** The server ended a write that stood still, and undid it. */
  'transaction_idle',
  'forbidden',
  /** The front door's own answers, as a page that polls or acts gets them. */
  'signed_out',
  'no_role',
  'too_many_requests',
  'bulk_too_large',
  'bad_request',
  /** The page of another release sent what this server does not accept. */
  'console_updated',
  /** A form without JavaScript had a date that is none. */
  'bad_time',
  /** AUDIT_REASON=required, and none was given. */
  'reason_required',
  /** A filter with a part that could not be read: nothing acts on it or exports it. */
  'not_understood',
  'unexpected',
] as const;
export type ErrorCode = (typeof ERROR_CODES)[number];

/** An error with a code the reader can be told; `cause` goes to the log, never to the client. */
export class ConsoleError extends Error {
  constructor(
    readonly code: ErrorCode,
    options?: { cause?: unknown },
  ) {
    super(code, options);
    this.name = 'ConsoleError';
  }
  /** Modules are instantiated more than once in one server and share its pool: another instance's error is one of ours. */
  static override [Symbol.hasInstance](value: unknown): value is ConsoleError {
    return value instanceof Error && value.name === 'ConsoleError';
  }
  /** What Next passes to an error boundary in place of the message. */
  get digest(): string {
    return this.code;
  }
}

/** HTTP status that says the same as the code. */
export function statusOf(code: ErrorCode): number {
  switch (code) {
    case 'bad_request':
    case 'console_updated':
    case 'bad_time':
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

/** For a number that a page can do without: null in place of a `query_timeout`; throws everything else. */
export function nullOnTimeout(error: unknown): null {
  if (error instanceof ConsoleError && error.code === 'query_timeout') return null;
  throw error;
}

/** What the action of a form returns in place of an address: the form stays as it is and says that the console was updated. */
export const STAY = 'console_updated';

/** The SQLSTATE of a Postgres error, or Node's code of a failed connection. Both are capitals, which our own errors' codes are not. */
export function codeOf(error: unknown): string | undefined {
  const code =
    typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^[0-9A-Z_]+$/.test(code) ? code : undefined;
}
