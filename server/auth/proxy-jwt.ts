import {
  type JWTHeaderParameters,
  type JWTPayload,
  decodeJwt,
  decodeProtectedHeader,
  errors,
  jwtVerify,
} from 'jose';
import type { ProxyJwtConfig } from '../../lib/config/authentication';
import { identityOf } from './claims';
import { KeysUnreachableError, readKeys } from './jwt-keys';
import { headerValues, removeHeader } from './one-header';
import type { AuthRefusal, Authentication, Authenticator } from './types';

const MAX_TOKEN_LENGTH = 32_768;
/** Allowed clock difference in seconds. */
const TOLERANCE_S = 5;
/** A compact JWT; AWS load balancers pad its base64url parts. */
const COMPACT =
  /^[A-Za-z0-9_-]{1,16384}={0,2}\.[A-Za-z0-9_-]{1,16384}={0,2}\.[A-Za-z0-9_-]{1,2048}={0,2}$/;

const refuse = (refused: AuthRefusal): Authentication => ({ kind: 'refused', refused });
const BAD: AuthRefusal = { code: 'bad_token', status: 401 };

class ClaimMismatch extends Error {}

type Header = Partial<JWTHeaderParameters> & Record<string, unknown>;

/**
 * Checks the unverified token, so that an invalid one causes no request for keys. AWS load
 * balancers put signer, client and expiry into the protected header.
 */
function checkUnverified(config: ProxyJwtConfig, header: Header, payload: JWTPayload): void {
  if (!config.algorithms.includes(String(header.alg))) throw new ClaimMismatch('alg');
  if (config.albSigner !== null) return checkAlbHeader(config, header, payload);
  if (payload.iss !== config.issuer) throw new ClaimMismatch('iss');
  if (config.audience === null || ![payload.aud].flat().includes(config.audience))
    throw new ClaimMismatch('aud');
  checkExpiry(payload.exp, payload);
}

function checkExpiry(exp: unknown, payload: JWTPayload): void {
  if (typeof exp !== 'number') throw new ClaimMismatch('exp');
  if (exp + TOLERANCE_S <= Date.now() / 1000)
    throw new errors.JWTExpired('expired', payload, 'exp', 'check_failed');
}

function checkAlbHeader(config: ProxyJwtConfig, header: Header, payload: JWTPayload): void {
  if (header.signer !== config.albSigner) throw new ClaimMismatch('signer');
  if (config.audience !== null && header.client !== config.audience)
    throw new ClaimMismatch('client');
  if (config.issuer !== null && header.iss !== config.issuer) throw new ClaimMismatch('iss');
  const expiries = [header.exp, payload.exp].filter((exp) => exp !== undefined);
  if (expiries.length === 0) throw new ClaimMismatch('exp');
  for (const exp of expiries) checkExpiry(exp, payload);
}

/** AUTH_MODE=proxy-jwt: a proxy sends a signed token (AWS ALB, Google IAP, Cloudflare Access). */
export function createProxyJwt(config: ProxyJwtConfig): Authenticator {
  const keys = readKeys(config.keys);
  const isAlb = config.albSigner !== null;
  const names = {
    user: config.userClaim,
    email: config.emailClaim,
    groups: config.groupsClaim,
    trustEmail: true,
  };

  async function verify(token: string): Promise<JWTPayload> {
    checkUnverified(config, decodeProtectedHeader(token), decodeJwt(token));
    const { payload, protectedHeader } = await jwtVerify(token, keys, {
      algorithms: config.algorithms,
      clockTolerance: TOLERANCE_S,
      ...(isAlb
        ? {}
        : {
            issuer: config.issuer ?? undefined,
            audience: config.audience ?? undefined,
            requiredClaims: ['exp', 'iss', 'aud'],
          }),
    });
    if (isAlb) checkAlbHeader(config, protectedHeader, payload);
    return payload;
  }

  return {
    async authenticate(request) {
      const tokens = headerValues(request, config.header);
      removeHeader(request, config.header);
      const [headerValue = ''] = tokens;
      const token =
        config.header === 'authorization' ? headerValue.replace(/^Bearer +/i, '') : headerValue;
      if (token === '') return refuse({ code: 'no_identity', status: 401 });
      if (tokens.length > 1 || token.length > MAX_TOKEN_LENGTH || !COMPACT.test(token))
        return refuse(BAD);
      try {
        const identity = identityOf(await verify(token), names);
        return identity
          ? { kind: 'identity', identity }
          : refuse({ code: 'bad_identity', status: 401 });
      } catch (error) {
        if (error instanceof errors.JWTExpired)
          return refuse({ code: 'token_expired', status: 401 });
        if (!(error instanceof KeysUnreachableError)) return refuse(BAD);
        console.error(error);
        return refuse({ code: 'keys_unreachable', status: 503 });
      }
    },
  };
}
