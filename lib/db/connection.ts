import pg from 'pg';
import { ConsoleError, codeOf } from '../core/errors';
import { readConnectionSettings } from './connection-settings';

/** As long as the pool waits for a connection. */
const TRIAL_TIMEOUT_MS = 5_000;

/**
 * What DATABASE_URL means to Rails, for node-pg. `prefer` and `allow` log in once to find out which of the two ways
 * the server takes; every other mode touches nothing but files. Throws a ConsoleError whose cause is one sentence for
 * whoever set the variable.
 */
export async function connectionConfig(url: string, caFile: string | null): Promise<pg.PoolConfig> {
  const { server, encryption } = await readConnectionSettings(url, caFile);
  const plain: pg.PoolConfig = { ...server, ssl: false };
  if (!encryption) return plain;
  const encrypted: pg.PoolConfig = {
    ...server,
    ssl: encryption.ssl,
    enableChannelBinding: encryption.channelBinding,
  };
  if (encryption.mode === 'prefer') return firstAccepted(encrypted, plain);
  if (encryption.mode === 'allow') return firstAccepted(plain, encrypted);
  return encrypted;
}

export type TlsFailure =
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

/** Postgres ("SSL off" before 14), its Japanese messages, PgBouncer, and what hosting providers put in front. */
const WANTS_TLS =
  /no encryption|暗号化なし|\bSSL off\b|\b(SSL|TLS)\b.*\brequired\b|\brequires? (SSL|TLS)\b|connection is insecure/i;

/** Which TLS problem a failed connection had; null when it was none. A ConsoleError counts by its cause. */
export function tlsFailureReason(error: unknown): TlsFailure | null {
  if (error instanceof ConsoleError) {
    return error.code === 'database_tls' ? (tlsFailureReason(error.cause) ?? 'other') : null;
  }
  if (!(error instanceof Error)) return null;
  const code = codeOf(error) ?? '';
  const known = TLS_FAILURES[code];
  if (known) return known;
  if (/does not support SSL/.test(error.message)) return 'not_offered';
  // A SQLSTATE: the server itself has spoken.
  if (/^[0-9A-Z]{5}$/.test(code) && WANTS_TLS.test(error.message)) return 'required_by_server';
  if (
    /^(EPROTO$|ERR_SSL_|ERR_TLS_|ERR_OSSL_|CERT_|CRL_)/.test(code) ||
    /error establishing an SSL connection/.test(error.message)
  )
    return 'other';
  // The server asks for a certificate of ours, or for another one.
  if (code === '28000' && /certificate|証明/.test(error.message)) return 'other';
  return tlsFailureReason(error.cause);
}

/**
 * The first of two ways in that the server takes, found out by logging in: only then does pg_hba.conf decide whether
 * it wants encryption (hostssl) or does not (hostnossl).
 */
async function firstAccepted(first: pg.PoolConfig, second: pg.PoolConfig): Promise<pg.PoolConfig> {
  const firstError = await logIn(first);
  if (firstError === null) return first;
  if (!isAboutEncryption(firstError, first)) throw firstError;
  const secondError = await logIn(second);
  if (secondError === null) return second;
  if (!isAboutEncryption(secondError, second)) throw secondError;
  const [encrypted, plain] = first.ssl ? [firstError, secondError] : [secondError, firstError];
  // Without TLS on the server, its "no encryption" only describes the connection; what lacks is a rule for it.
  if (tlsFailureReason(encrypted) === 'not_offered')
    throw new ConsoleError('database_login', { cause: plain });
  throw encrypted;
}

async function logIn(config: pg.PoolConfig): Promise<unknown> {
  const client = new pg.Client({ ...config, connectionTimeoutMillis: TRIAL_TIMEOUT_MS });
  client.on('error', () => undefined);
  try {
    await client.connect();
  } catch (error) {
    // Not waited for: a socket that is gone already reports no end.
    void client.end();
    return error;
  }
  await client.end();
  return null;
}

/** Whether the other way may do better. Locale-free where it can be: the server's messages are translated. */
function isAboutEncryption(error: unknown, tried: pg.PoolConfig): boolean {
  if (codeOf(error) === '28000') return true;
  const reason = tlsFailureReason(error);
  if (reason === 'not_offered' || reason === 'required_by_server') return true;
  // A handshake that fails for other reasons than trust (TLS 1.0 only). With a CA no failure leads to plain text:
  // libpq would, but whoever gave a CA has somebody in mind who must not bring that about.
  return (
    reason === 'other' && typeof tried.ssl === 'object' && tried.ssl.rejectUnauthorized === false
  );
}

/** An array of Postgres; one of several dimensions holds arrays. */
export type TextArray = (string | null | TextArray)[];

/** Ends an element without quotes. */
const DELIMITER = /[,}]/g;
/** Ends a part of an element inside quotes. */
const QUOTE_OR_BACKSLASH = /["\\]/g;

/**
 * An array as Postgres prints it (`array_out`): `{a,"b c",NULL}`, also with bounds (`[0:1]={a,b}`). Each element is a
 * slice of the text, so the time is linear in the text whatever it holds; the parser of `pg` copies it character by
 * character. Throws Error for a text that Postgres does not print.
 */
export function parseTextArray(text: string): TextArray {
  const root: TextArray = [];
  const open: TextArray[] = [];
  let at = text.startsWith('[') ? text.indexOf('=') + 1 : 0;
  while (at < text.length) {
    const char = text[at];
    const current = open[open.length - 1];
    if (char === '{') {
      const array = current ? [] : root;
      current?.push(array);
      open.push(array);
      at += 1;
    } else if (!current) break;
    else if (char === '}') {
      open.pop();
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
  if (open.length > 0 || at !== text.length || at === 0)
    throw new Error('The text is no array of Postgres.');
  return root;
}

/** The element that begins behind a quote, and the offset behind its closing quote. */
function quotedAt(text: string, from: number): { value: string; end: number } {
  let value = '';
  let copied = from;
  for (let at = from; ;) {
    const next = indexOfNext(QUOTE_OR_BACKSLASH, text, at);
    value += text.slice(copied, next);
    if (text[next] !== '\\') return { value, end: next + 1 };
    // The character behind a backslash is itself.
    copied = next + 1;
    at = next + 2;
  }
}

/** The offset of the first match from here on; the length of the text where there is none. */
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
 * A timestamp as Postgres prints it (UTC session, ISO DateStyle) to `YYYY-MM-DDTHH:MM:SS.ffffffZ`, whether the
 * column is `timestamp` or `timestamptz`. A JavaScript Date would lose the microseconds and break keyset paging.
 * `infinity` and years before Christ stay as Postgres prints them.
 */
export function parseTimestamp(text: string): string {
  const match = /^(\d{4,6}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?(?:\+00)?$/.exec(text);
  return match ? `${match[1]}T${match[2]}.${(match[3] ?? '').padEnd(6, '0')}Z` : text;
}

/** Rows leave Postgres JSON-safe: small numbers, booleans and arrays as such, everything else as Postgres' own text. */
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
