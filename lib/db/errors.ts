import { ConsoleError, type ErrorCode } from '../core/errors';
import { codeOf } from '../core/errors';
import { tlsFailureReason } from './connection';

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The connection is gone, not the statement wrong: a read may be tried once more on a fresh one. */
export function isConnectionLoss(error: unknown): boolean {
  const code = codeOf(error) ?? '';
  return (
    /^(08...|57P0[123]|ECONNRESET|EPIPE)$/.test(code) ||
    /Connection terminated|Client has encountered a connection error|connection is closed/i.test(
      messageOf(error),
    )
  );
}

/** The schema of the console's own tables, which every statement on them names (lib/audit). */
const CONSOLE_TABLE = /\bgood_job_console\b/;

/** A lock that this statement waited for in vain was on the console's own tables, and not on a job or a batch. */
export function isConsoleLock(error: unknown, statement: string): boolean {
  return codeOf(error) === '55P03' && CONSOLE_TABLE.test(statement);
}

/** Whether the server ended a transaction that was idle for too long (`idle_in_transaction_session_timeout`). */
export const isIdleTimeout = (error: unknown): boolean => codeOf(error) === '25P03';

/** Whether node-pg gave up on a statement, which may still run: the server's own timeouts have a SQLSTATE. */
export const isClientTimeout = (error: unknown): boolean =>
  codeOf(error) === undefined && /Query read timeout/.test(messageOf(error));

/**
 * Puts any failure of the database into a code that the reader can be told. What the caller's own code threw
 * inside a transaction (a refusal, a bug) is returned as it is.
 */
export function toConsoleError(error: unknown): unknown {
  if (error instanceof ConsoleError) return error;
  const code = classify(error);
  return code === 'unexpected' && codeOf(error) === undefined
    ? error
    : new ConsoleError(code, { cause: withoutData(error) });
}

/** What goes to the log of a failed statement: not its values, nor the row that it was about, which Postgres quotes. */
function withoutData(error: unknown): unknown {
  const code = codeOf(error);
  if (!(error instanceof Error) || code === undefined || !/^[0-9A-Z]{5}$/.test(code)) return error;
  // Data exceptions and violated constraints say the value in the message itself.
  const message = /^(22|23|P0|XX|21|38|39)/.test(code)
    ? error.message.replace(/[:"'(«„].*$/s, '…')
    : error.message;
  const plain = new Error(message);
  const { severity, routine, table, column, constraint } = error as Error & Record<string, unknown>;
  return Object.assign(plain, {
    code,
    stack: error.stack?.replace(error.message, message),
    severity,
    routine,
    table,
    column,
    constraint,
  });
}

function classify(error: unknown): ErrorCode {
  const code = codeOf(error) ?? '';
  const message = messageOf(error);
  const tls = tlsFailureReason(error);
  if (tls) return tls === 'other' ? 'database_tls' : `tls_${tls}`;
  if (/^28/.test(code) || code === '3D000') return 'database_login';
  if (code === '57014' || isClientTimeout(error)) return 'query_timeout';
  if (isIdleTimeout(error)) return 'transaction_idle';
  if (code === '25006') return 'read_only';
  if (code === '42501') return 'no_permission';
  if (code === '55P03' || code === '40P01') return 'locked';
  if (/^(42P01|42703|3F000)$/.test(code)) return 'schema_changed';
  if (/^53/.test(code) || /timeout exceeded when trying to connect/.test(message))
    return 'database_busy';
  if (
    isConnectionLoss(error) ||
    /^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ENOENT|EACCES)$/.test(
      code,
    ) ||
    /timeout expired|Connection terminated/.test(message)
  )
    return 'database_down';
  return 'unexpected';
}
