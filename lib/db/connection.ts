import pg, { type DatabaseError } from 'pg';
import { codeOf, ConsoleError, type ErrorCode } from '../core/errors';
import { readConnectionSettings } from './connection-settings';

/** The same as the pool's connection timeout. */
const LOGIN_TIMEOUT_MS = 5_000;

/**
 * Returns the configuration of node-pg for DATABASE_URL as Rails interprets it. `prefer` and
 * `allow` log in to find out whether the server accepts TLS; the other modes do not connect. Throws
 * ConsoleError whose cause has one sentence for the operator.
 */
export async function connectionConfig(url: string, caFile: string | null): Promise<pg.PoolConfig> {
  const { server, encryption } = await readConnectionSettings(url, caFile);
  const plainConfig: pg.PoolConfig = { ...server, ssl: false };
  if (!encryption) return plainConfig;
  const encryptedConfig: pg.PoolConfig = {
    ...server,
    ssl: encryption.ssl,
    enableChannelBinding: encryption.channelBinding,
  };
  if (encryption.mode === 'prefer') return firstAccepted(encryptedConfig, plainConfig);
  if (encryption.mode === 'allow') return firstAccepted(plainConfig, encryptedConfig);
  return encryptedConfig;
}

type TlsFailure =
  | 'self_signed'
  | 'unknown_authority'
  | 'host_name'
  | 'expired'
  | 'not_offered'
  | 'required_by_server'
  | 'other';

const TLS_FAILURES: Record<string, TlsFailure> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: 'self_signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'unknown_authority',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'unknown_authority',
  UNABLE_TO_GET_ISSUER_CERT: 'unknown_authority',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'unknown_authority',
  CERT_SIGNATURE_FAILURE: 'unknown_authority',
  CERT_UNTRUSTED: 'unknown_authority',
  INVALID_CA: 'unknown_authority',
  ERR_TLS_CERT_ALTNAME_INVALID: 'host_name',
  HOSTNAME_MISMATCH: 'host_name',
  CERT_HAS_EXPIRED: 'expired',
};

/** Messages of Postgres (English, Japanese), PgBouncer and hosting providers that require TLS. */
const TLS_REQUIRED_MESSAGE =
  /no encryption|暗号化なし|\bSSL off\b|\b(SSL|TLS)\b.*\brequired\b|\brequires? (SSL|TLS)\b|connection is insecure/i;

/** Returns the TLS problem that made a connection fail, or null for other errors. */
export function tlsFailureReason(error: unknown): TlsFailure | null {
  if (error instanceof ConsoleError) {
    return error.code === 'database_tls' ? (tlsFailureReason(error.cause) ?? 'other') : null;
  }
  if (!(error instanceof Error)) return null;
  const code = codeOf(error) ?? '';
  const failure = TLS_FAILURES[code];
  if (failure) return failure;
  if (/does not support SSL/.test(error.message)) return 'not_offered';
  // A SQLSTATE proves that the message comes from the server.
  if (/^[0-9A-Z]{5}$/.test(code) && TLS_REQUIRED_MESSAGE.test(error.message))
    return 'required_by_server';
  if (
    /^(EPROTO$|ERR_SSL_|ERR_TLS_|ERR_OSSL_|CERT_|CRL_)/.test(code) ||
    /error establishing an SSL connection/.test(error.message)
  )
    return 'other';
  // The server requires a client certificate, or another one.
  if (code === '28000' && /certificate|証明/.test(error.message)) return 'other';
  return tlsFailureReason(error.cause);
}

/**
 * Returns the first of two configurations that the server accepts. Only a login shows it, because
 * pg_hba.conf has separate rules for encrypted (hostssl) and plain (hostnossl) connections.
 */
async function firstAccepted(first: pg.PoolConfig, second: pg.PoolConfig): Promise<pg.PoolConfig> {
  const firstError = await logIn(first);
  if (firstError === null) return first;
  if (!isAboutEncryption(firstError, first)) throw firstError;
  const secondError = await logIn(second);
  if (secondError === null) return second;
  if (!isAboutEncryption(secondError, second)) throw secondError;
  const encryptedError = first.ssl ? firstError : secondError;
  const plainError = first.ssl ? secondError : firstError;
  // A server without TLS has no pg_hba.conf rule for this login; encryption is not the problem.
  if (tlsFailureReason(encryptedError) === 'not_offered')
    throw new ConsoleError('database_login', { cause: plainError });
  throw encryptedError;
}

/** Returns the error of a login, or null if it succeeds. */
async function logIn(config: pg.PoolConfig): Promise<unknown> {
  const client = new pg.Client({ ...config, connectionTimeoutMillis: LOGIN_TIMEOUT_MS });
  client.on('error', () => undefined);
  try {
    await client.connect();
  } catch (error) {
    // Not awaited, because a closed socket never emits `end`.
    void client.end();
    return error;
  }
  await client.end();
  return null;
}

/**
 * Whether the other configuration may succeed. Uses codes, because server messages are translated.
 */
function isAboutEncryption(error: unknown, config: pg.PoolConfig): boolean {
  if (codeOf(error) === '28000') return true;
  const reason = tlsFailureReason(error);
  if (reason === 'not_offered' || reason === 'required_by_server') return true;
  // A failed handshake, such as TLS 1.0 only. Unlike libpq, never falls back to plain text when a
  // CA is set, because an attacker could cause the failure.
  return (
    reason === 'other' && typeof config.ssl === 'object' && config.ssl.rejectUnauthorized === false
  );
}

/** A Postgres array; nested for several dimensions. */
type TextArray = (string | null | TextArray)[];

/** Ends an unquoted element. */
const DELIMITER = /[,}]/g;
/** Ends a part of a quoted element. */
const QUOTE_OR_BACKSLASH = /["\\]/g;

/**
 * Parses an array as Postgres prints it (`array_out`): `{a,"b c",NULL}`, optionally with bounds
 * (`[0:1]={a,b}`). Slices the text instead of copying single characters like `pg`, so its time is
 * linear. Throws Error for any other text.
 */
export function parseTextArray(text: string): TextArray {
  const root: TextArray = [];
  const openArrays: TextArray[] = [];
  let at = text.startsWith('[') ? text.indexOf('=') + 1 : 0;
  while (at < text.length) {
    const char = text[at];
    const current = openArrays[openArrays.length - 1];
    if (char === '{') {
      const array = current ? [] : root;
      current?.push(array);
      openArrays.push(array);
      at += 1;
    } else if (!current) break;
    else if (char === '}') {
      openArrays.pop();
      at += 1;
    } else if (char === ',') at += 1;
    else if (char === '"') {
      const { value, end } = quotedAt(text, at + 1);
      current.push(value);
      at = end;
    } else {
      const end = indexOfNext(DELIMITER, text, at);
      const value = text.slice(at, end);
      current.push(value === 'NULL' ? null : value);
      at = end;
    }
  }
  if (openArrays.length > 0 || at !== text.length || at === 0)
    throw new Error('The text is not a Postgres array.');
  return root;
}

/**
 * Returns the quoted element whose content begins at `from`, and the offset after its end quote.
 */
function quotedAt(text: string, from: number): { value: string; end: number } {
  let value = '';
  let copied = from;
  for (let at = from; ;) {
    const next = indexOfNext(QUOTE_OR_BACKSLASH, text, at);
    value += text.slice(copied, next);
    if (text[next] !== '\\') return { value, end: next + 1 };
    // A backslash escapes the next character.
    copied = next + 1;
    at = next + 2;
  }
}

/** Returns the offset of the next match, or the length of the text. `pattern` must be global. */
function indexOfNext(pattern: RegExp, text: string, from: number): number {
  pattern.lastIndex = from;
  return pattern.exec(text)?.index ?? text.length;
}

const OID = {
  bool: 16,
  int2: 21,
  int4: 23,
  float8: 701,
  timestamp: 1114,
  timestamptz: 1184,
  textArray: 1009,
  uuidArray: 2951,
} as const;

/**
 * Converts a `timestamp` or `timestamptz` as Postgres prints it (UTC session, ISO DateStyle) to
 * `YYYY-MM-DDTHH:MM:SS.ffffffZ`; returns infinity and BC dates unchanged. A JavaScript Date would
 * lose the microseconds and break keyset paging.
 */
function parseTimestamp(text: string): string {
  const match = /^(\d{4,6}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?(?:\+00)?$/.exec(text);
  return match ? `${match[1]}T${match[2]}.${(match[3] ?? '').padEnd(6, '0')}Z` : text;
}

/**
 * Makes rows JSON-safe: small numbers, booleans and arrays are parsed, all other types stay text.
 */
export const typeParsers: pg.CustomTypesConfig = {
  getTypeParser(oid: number) {
    switch (oid) {
      case OID.bool:
        return (text: string) => text === 't';
      case OID.int2:
      case OID.int4:
      case OID.float8:
        return Number;
      case OID.timestamp:
      case OID.timestamptz:
        return parseTimestamp;
      case OID.textArray:
      case OID.uuidArray:
        return parseTextArray;
      default:
        return (text: string) => text;
    }
  },
};

/* Errors of statements: what they mean for the caller, and for the viewer. */

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
