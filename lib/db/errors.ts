import type { DatabaseError } from 'pg';
import { ConsoleError, type ErrorCode, codeOf } from '../core/errors';
import { tlsFailureReason } from './connection';

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Whether the connection was lost, so that a read can be retried on another one. */
export function isConnectionLoss(error: unknown): boolean {
  const code = codeOf(error) ?? '';
  return (
    /^(08...|57P0[123]|ECONNRESET|EPIPE)$/.test(code) ||
    /Connection terminated|Client has encountered a connection error|connection is closed/i.test(
      messageOf(error),
    )
  );
}

/** Every statement on the console's own tables names their schema (lib/audit). */
const CONSOLE_TABLE = /\bgood_job_console\b/;

/**
 * Whether a statement hit the lock timeout on the console's own tables, not on a job or a batch.
 */
export function isConsoleLock(error: unknown, statement: string): boolean {
  return codeOf(error) === '55P03' && CONSOLE_TABLE.test(statement);
}

/** Whether the server ended an idle transaction (`idle_in_transaction_session_timeout`). */
export const isIdleTimeout = (error: unknown): boolean => codeOf(error) === '25P03';

/** Whether the server canceled a statement (`statement_timeout`). */
export const isStatementTimeout = (error: unknown): boolean => codeOf(error) === '57014';

/**
 * Whether node-pg's own timeout expired. The statement may still run; server timeouts have a
 * SQLSTATE.
 */
export const isClientTimeout = (error: unknown): boolean =>
  codeOf(error) === undefined && /Query read timeout/.test(messageOf(error));

/**
 * Converts a database error to a ConsoleError. Returns other errors unchanged, because the caller's
 * own code threw them.
 */
export function toConsoleError(error: unknown): unknown {
  if (error instanceof ConsoleError) return error;
  const code = classify(error);
  return code === 'unexpected' && codeOf(error) === undefined
    ? error
    : new ConsoleError(code, { cause: redactForLog(error) });
}

/** Returns an error for the log without job data, which Postgres quotes in messages and details. */
function redactForLog(error: unknown): unknown {
  const code = codeOf(error);
  if (!(error instanceof Error) || code === undefined || !/^[0-9A-Z]{5}$/.test(code)) return error;
  // Messages of data exceptions and constraint violations contain values.
  const message = /^(22|23|P0|XX|21|38|39)/.test(code)
    ? error.message.replace(/[:"'(«„].*$/s, '…')
    : error.message;
  const redactedError = new Error(message);
  const { severity, routine, table, column, constraint }: Partial<Omit<DatabaseError, 'name'>> =
    error;
  return Object.assign(redactedError, {
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
