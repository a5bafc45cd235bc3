import { type JWTPayload, decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose';
import type { IncomingMessage } from 'node:http';
import {
  ASYMMETRIC_ALGORITHMS,
  MAX_SESSION_HOURS,
  type OidcConfig,
} from '../../lib/config/authentication';
import type { Revocation } from '../../lib/sessions/revocation';
import { KeysUnreachable, fromJwksUrl } from './jwt-keys';
import { ProviderUnreachable, type createProvider } from './provider';
import type { Revocations } from './revocations';

/* OpenID Connect Back-Channel Logout 1.0: the provider says that a session there is over. */

export const BACKCHANNEL_LOGOUT_PATH = '/auth/backchannel-logout';
const EVENT = 'http://schemas.openid.net/event/backchannel-logout';
const FORM = /^application\/x-www-form-urlencoded[ \t]*(;|$)/i;
const MAX_BODY_BYTES = 32_768;
const MAX_ID_LENGTH = 1_000;
/** Seconds that a token is accepted after it was issued; providers send it at once. */
const MAX_AGE_S = 300;
/** Seconds that two clocks may differ. */
const TOLERANCE_S = 60;
/** A sign-in that is under way while its session at the provider ends. */
const SIGN_IN_MS = 600_000;
/** Of a session, whatever SESSION_MAX_HOURS was when it began: a restart may have made it smaller. */
const LONGEST_MS = MAX_SESSION_HOURS * 3_600_000;
const TYPES = new Set(['logout+jwt', 'application/logout+jwt', 'jwt']);

/** Why a request ends no session; the message is a code for the log and the provider. */
class LogoutRefused extends Error {}

/** What is answered: 200, or 400 with an error. */
export type LogoutAnswer = { status: 200 } | { status: 400; error: string };

interface LogoutParts {
  provider: ReturnType<typeof createProvider>;
  revocations: Revocations;
  digest: (value: string) => string;
}

interface LogoutClaims {
  jti: string;
  iat: number;
  sub?: string;
  sid?: string;
}

/** Answers the provider's requests to end sessions. */
export function createBackchannelLogout(
  config: OidcConfig,
  { provider, revocations, digest }: LogoutParts,
): (request: IncomingMessage) => Promise<LogoutAnswer> {
  let keys: { url: string; get: ReturnType<typeof fromJwksUrl> } | undefined;

  /** One key set for each address, so that its cache and its pause between requests hold. */
  function keysAt(url: string): ReturnType<typeof fromJwksUrl> {
    if (keys?.url !== url) keys = { url, get: fromJwksUrl(new URL(url)) };
    return keys.get;
  }

  async function verify(token: string): Promise<LogoutClaims> {
    // Before the signature: a token that would not count anyway makes nobody ask for keys.
    checkHeader(readHeader(token));
    const claimed = readPayload(token);
    const metadata = (await provider.discover()).serverMetadata();
    checkClaims(claimed, metadata.issuer, config.clientId);
    if (!metadata.jwks_uri) throw new LogoutRefused('no_keys');
    const { payload } = await jwtVerify(token, keysAt(metadata.jwks_uri), {
      algorithms: ASYMMETRIC_ALGORITHMS,
      issuer: metadata.issuer,
      audience: config.clientId,
      clockTolerance: TOLERANCE_S,
      requiredClaims: ['iss', 'aud', 'iat', 'jti', 'events'],
    }).catch((error: unknown) => {
      if (error instanceof KeysUnreachable) throw error;
      throw new LogoutRefused('bad_signature');
    });
    return checkClaims(payload, metadata.issuer, config.clientId);
  }

  /** With `sid` it is that session at the provider, else every session of the person up to now. */
  function rowsOf({ sub, sid, iat }: LogoutClaims): Revocation[] {
    const expiresAtMs = Date.now() + LONGEST_MS + SIGN_IN_MS;
    const rows: Revocation[] = [];
    if (sid !== undefined)
      rows.push({ kind: 'provider_session', key: digest(sid), expiresAtMs, issuedUntilS: null });
    if (sub !== undefined)
      rows.push({
        kind: sid === undefined ? 'subject' : 'subject_without_provider_session',
        key: digest(sub),
        expiresAtMs,
        issuedUntilS: iat,
      });
    return rows;
  }

  async function logOut(request: IncomingMessage): Promise<void> {
    const claims = await verify(await readToken(request));
    const result = await revocations.revoke(rowsOf(claims), {
      kind: 'logout_token',
      key: digest(claims.jti),
      expiresAtMs: (claims.iat + MAX_AGE_S + 2 * TOLERANCE_S) * 1000,
      issuedUntilS: null,
    });
    if (result === 'duplicate') throw new LogoutRefused('token_used');
    if (result === 'failed') throw new LogoutRefused('not_stored');
  }

  return async (request) => {
    try {
      await logOut(request);
      return { status: 200 };
    } catch (error) {
      return { status: 400, error: errorOf(error) };
    }
  };
}

function errorOf(error: unknown): string {
  if (error instanceof LogoutRefused) return error.message;
  if (error instanceof KeysUnreachable || error instanceof ProviderUnreachable)
    return 'keys_unreachable';
  return 'bad_token';
}

/** The one `logout_token` of a form. */
async function readToken(request: IncomingMessage): Promise<string> {
  if (!FORM.test(request.headers['content-type'] ?? ''))
    throw new LogoutRefused('bad_content_type');
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES)
    throw new LogoutRefused('too_large');
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) throw new LogoutRefused('too_large');
    chunks.push(chunk);
  }
  const tokens = new URLSearchParams(Buffer.concat(chunks).toString()).getAll('logout_token');
  const [token = ''] = tokens;
  if (tokens.length !== 1 || !/^[\w-]+\.[\w-]+\.[\w-]+$/.test(token))
    throw new LogoutRefused('no_token');
  return token;
}

function readHeader(token: string): ReturnType<typeof decodeProtectedHeader> {
  try {
    return decodeProtectedHeader(token);
  } catch {
    throw new LogoutRefused('bad_token');
  }
}

function readPayload(token: string): JWTPayload {
  try {
    return decodeJwt(token);
  } catch {
    throw new LogoutRefused('bad_token');
  }
}

function checkHeader({ alg, typ }: ReturnType<typeof decodeProtectedHeader>): void {
  if (!ASYMMETRIC_ALGORITHMS.includes(String(alg))) throw new LogoutRefused('bad_algorithm');
  if (typ !== undefined && !TYPES.has(String(typ).toLowerCase()))
    throw new LogoutRefused('bad_type');
}

function checkClaims(payload: JWTPayload, issuer: string, clientId: string): LogoutClaims {
  const { iss, aud, iat, exp, jti, sub, sid, events } = payload;
  const nowS = Date.now() / 1000;
  if (iss !== issuer) throw new LogoutRefused('bad_issuer');
  if (![aud].flat().includes(clientId)) throw new LogoutRefused('bad_audience');
  if (typeof iat !== 'number' || iat < nowS - MAX_AGE_S || iat > nowS + TOLERANCE_S)
    throw new LogoutRefused('bad_time');
  if (exp !== undefined && (typeof exp !== 'number' || exp < nowS - TOLERANCE_S))
    throw new LogoutRefused('expired');
  const event =
    isObject(events) && Object.hasOwn(events, EVENT)
      ? (events as Record<string, unknown>)[EVENT]
      : undefined;
  if (!isObject(event)) throw new LogoutRefused('no_event');
  if (Object.hasOwn(payload, 'nonce')) throw new LogoutRefused('has_nonce');
  if (!isId(jti)) throw new LogoutRefused('no_jti');
  if ((sub === undefined && sid === undefined) || ![sub, sid].every(isOptionalId))
    throw new LogoutRefused('no_session');
  return { jti, iat, ...(isId(sub) ? { sub } : {}), ...(isId(sid) ? { sid } : {}) };
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isId(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= MAX_ID_LENGTH;
}

function isOptionalId(value: unknown): boolean {
  return value === undefined || isId(value);
}
