import { type JWTPayload, decodeJwt, decodeProtectedHeader, jwtVerify } from 'jose';
import type { IncomingMessage } from 'node:http';
import {
  ASYMMETRIC_ALGORITHMS,
  MAX_SESSION_HOURS,
  type OidcConfig,
} from '../../lib/config/authentication';
import type { Revocation } from '../../lib/sessions/revocation';
import { KeysUnreachableError, fromJwksUrl } from './jwt-keys';
import { ProviderUnreachableError, type createProvider } from './provider';
import type { Revocations } from './revocations';

/* OpenID Connect Back-Channel Logout 1.0: the provider reports that a session has ended. */

export const BACKCHANNEL_LOGOUT_PATH = '/auth/backchannel-logout';
const LOGOUT_EVENT = 'http://schemas.openid.net/event/backchannel-logout';
const FORM_TYPE = /^application\/x-www-form-urlencoded[ \t]*(;|$)/i;
const MAX_BODY_BYTES = 32_768;
const MAX_ID_LENGTH = 1_000;
/** Maximum age of a logout token in seconds; providers send it immediately. */
const MAX_AGE_S = 300;
/** Allowed clock difference in seconds. */
const TOLERANCE_S = 60;
/** Maximum duration of a sign-in: a revocation must also cover a sign-in in progress. */
const SIGN_IN_MS = 600_000;
/** Upper limit of a session, independent of SESSION_MAX_HOURS, which a restart may have lowered. */
const MAX_SESSION_MS = MAX_SESSION_HOURS * 3_600_000;
const TOKEN_TYPES = new Set(['logout+jwt', 'application/logout+jwt', 'jwt']);

/** A rejected logout request. The message is a code for the log and the provider. */
class LogoutRefused extends Error {}

type LogoutAnswer = { status: 200 } | { status: 400; error: string };

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

/** Handles the provider's logout requests: verifies the token and revokes its sessions. */
export class BackchannelLogout {
  private keySet: { url: string; get: ReturnType<typeof fromJwksUrl> } | undefined;

  constructor(
    private readonly config: OidcConfig,
    private readonly parts: LogoutParts,
  ) {}

  async handle(request: IncomingMessage): Promise<LogoutAnswer> {
    try {
      await this.logOut(request);
      return { status: 200 };
    } catch (error) {
      return { status: 400, error: errorCodeOf(error) };
    }
  }

  private async logOut(request: IncomingMessage): Promise<void> {
    const { revocations, digest } = this.parts;
    const claims = await this.verify(await readToken(request));
    const result = await revocations.revoke(this.revocationsOf(claims), {
      kind: 'logout_token',
      key: digest(claims.jti),
      expiresAtMs: (claims.iat + MAX_AGE_S + 2 * TOLERANCE_S) * 1000,
      issuedUntilSeconds: null,
    });
    if (result === 'duplicate') throw new LogoutRefused('token_used');
    if (result === 'failed') throw new LogoutRefused('not_stored');
  }

  private async verify(token: string): Promise<LogoutClaims> {
    const { clientId } = this.config;
    // Checked before the signature so that an invalid token causes no request for keys.
    checkHeader(readHeader(token));
    const unverifiedClaims = readPayload(token);
    const metadata = (await this.parts.provider.discover()).serverMetadata();
    checkClaims(unverifiedClaims, metadata.issuer, clientId);
    if (!metadata.jwks_uri) throw new LogoutRefused('no_keys');
    const { payload } = await jwtVerify(token, this.keySetAt(metadata.jwks_uri), {
      algorithms: ASYMMETRIC_ALGORITHMS,
      issuer: metadata.issuer,
      audience: clientId,
      clockTolerance: TOLERANCE_S,
      requiredClaims: ['iss', 'aud', 'iat', 'jti', 'events'],
    }).catch((error: unknown) => {
      if (error instanceof KeysUnreachableError) throw error;
      throw new LogoutRefused('bad_signature');
    });
    return checkClaims(payload, metadata.issuer, clientId);
  }

  /** Reuses the key set of a URL to keep its cache and its cooldown. */
  private keySetAt(url: string): ReturnType<typeof fromJwksUrl> {
    if (this.keySet?.url !== url) this.keySet = { url, get: fromJwksUrl(new URL(url)) };
    return this.keySet.get;
  }

  /** With `sid` revokes that provider session, otherwise every session of the user up to now. */
  private revocationsOf({ sub, sid, iat }: LogoutClaims): Revocation[] {
    const { digest } = this.parts;
    const expiresAtMs = Date.now() + MAX_SESSION_MS + SIGN_IN_MS;
    const rows: Revocation[] = [];
    if (sid !== undefined)
      rows.push({
        kind: 'provider_session',
        key: digest(sid),
        expiresAtMs,
        issuedUntilSeconds: null,
      });
    if (sub !== undefined)
      rows.push({
        kind: sid === undefined ? 'subject' : 'subject_without_provider_session',
        key: digest(sub),
        expiresAtMs,
        issuedUntilSeconds: iat,
      });
    return rows;
  }
}

function errorCodeOf(error: unknown): string {
  if (error instanceof LogoutRefused) return error.message;
  if (error instanceof KeysUnreachableError || error instanceof ProviderUnreachableError)
    return 'keys_unreachable';
  return 'bad_token';
}

/** Reads the `logout_token` of a form. Throws LogoutRefused unless there is exactly one. */
async function readToken(request: IncomingMessage): Promise<string> {
  if (!FORM_TYPE.test(request.headers['content-type'] ?? ''))
    throw new LogoutRefused('bad_content_type');
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES)
    throw new LogoutRefused('too_large');
  const chunks: Buffer[] = [];
  let bytes = 0;
  const body: AsyncIterable<Buffer> = request;
  for await (const chunk of body) {
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
  if (typ !== undefined && !TOKEN_TYPES.has(String(typ).toLowerCase()))
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
    isObject(events) && Object.hasOwn(events, LOGOUT_EVENT) ? events[LOGOUT_EVENT] : undefined;
  if (!isObject(event)) throw new LogoutRefused('no_event');
  if (Object.hasOwn(payload, 'nonce')) throw new LogoutRefused('has_nonce');
  if (!isId(jti)) throw new LogoutRefused('no_jti');
  if ((sub === undefined && sid === undefined) || ![sub, sid].every(isOptionalId))
    throw new LogoutRefused('no_session');
  return { jti, iat, ...(isId(sub) ? { sub } : {}), ...(isId(sid) ? { sid } : {}) };
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isId(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && value.length <= MAX_ID_LENGTH;
}

function isOptionalId(value: unknown): boolean {
  return value === undefined || isId(value);
}
