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
import { KeysUnreachable, readKeys } from './jwt-keys';
import { headerValues, takeAway } from './one-header';
import type { AuthRefused, Authentication, Authenticator } from './types';

const MAX_TOKEN = 32_768;
/** Seconds that two clocks may be apart. */
const TOLERANCE = 5;
/** Three parts of base64url; the load balancer pads them. */
const COMPACT =
  /^[A-Za-z0-9_-]{1,16384}={0,2}\.[A-Za-z0-9_-]{1,16384}={0,2}\.[A-Za-z0-9_-]{1,2048}={0,2}$/;

const refuse = (refused: AuthRefused): Authentication => ({ kind: 'refused', refused });
const BAD: AuthRefused = { code: 'bad_token', status: 401 };

class NotForUs extends Error {}

type Header = Partial<JWTHeaderParameters> & Record<string, unknown>;

/**
 * What the token says of itself, before anything proves it: one that would not count anyway makes nobody ask for its
 * key. The load balancer says in the protected header who signed, for which client and until when.
 */
function checkClaimed(config: ProxyJwtConfig, header: Header, payload: JWTPayload): void {
  if (!config.algorithms.includes(String(header.alg))) throw new NotForUs('alg');
  if (config.albSigner !== null) return checkAlbHeader(config, header, payload);
  if (payload.iss !== config.issuer) throw new NotForUs('iss');
  if (config.audience === null || ![payload.aud].flat().includes(config.audience))
    throw new NotForUs('aud');
  checkEnd(payload.exp, payload);
}

function checkEnd(exp: unknown, payload: JWTPayload): void {
  if (typeof exp !== 'number') throw new NotForUs('exp');
  if (exp + TOLERANCE <= Date.now() / 1000)
    throw new errors.JWTExpired('expired', payload, 'exp', 'check_failed');
}

function checkAlbHeader(config: ProxyJwtConfig, header: Header, payload: JWTPayload): void {
  if (header.signer !== config.albSigner) throw new NotForUs('signer');
  if (config.audience !== null && header.client !== config.audience) throw new NotForUs('client');
  if (config.issuer !== null && header.iss !== config.issuer) throw new NotForUs('iss');
  const ends = [header.exp, payload.exp].filter((exp) => exp !== undefined);
  if (ends.length === 0) throw new NotForUs('exp');
  for (const exp of ends) checkEnd(exp, payload);
}

/** A proxy sends a signed assertion of who the viewer is (AWS ALB, Google IAP, Cloudflare Access). */
export function createProxyJwt(config: ProxyJwtConfig): Authenticator {
  const keys = readKeys(config.keys);
  const alb = config.albSigner !== null;
  const names = {
    user: config.userClaim,
    email: config.emailClaim,
    groups: config.groupsClaim,
    trustEmail: true,
  };

  async function verify(token: string): Promise<JWTPayload> {
    checkClaimed(config, decodeProtectedHeader(token), decodeJwt(token));
    const { payload, protectedHeader } = await jwtVerify(token, keys, {
      algorithms: config.algorithms,
      clockTolerance: TOLERANCE,
      ...(alb
        ? {}
        : {
            issuer: config.issuer ?? undefined,
            audience: config.audience ?? undefined,
            requiredClaims: ['exp', 'iss', 'aud'],
          }),
    });
    if (alb) checkAlbHeader(config, protectedHeader, payload);
    return payload;
  }

  return {
    async authenticate(request) {
      const tokens = headerValues(request, config.header);
      takeAway(request, config.header);
      const [sent = ''] = tokens;
      const token = config.header === 'authorization' ? sent.replace(/^Bearer +/i, '') : sent;
      if (token === '') return refuse({ code: 'no_identity', status: 401 });
      if (tokens.length > 1 || token.length > MAX_TOKEN || !COMPACT.test(token)) return refuse(BAD);
      try {
        const identity = identityOf(await verify(token), names);
        return identity
          ? { kind: 'identity', identity }
          : refuse({ code: 'bad_identity', status: 401 });
      } catch (error) {
        if (error instanceof errors.JWTExpired)
          return refuse({ code: 'token_expired', status: 401 });
        if (!(error instanceof KeysUnreachable)) return refuse(BAD);
        console.error(error);
        return refuse({ code: 'keys_unreachable', status: 503 });
      }
    },
  };
}
