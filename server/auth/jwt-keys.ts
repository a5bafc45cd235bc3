import {
  type JSONWebKeySet,
  type JWTVerifyGetKey,
  createLocalJWKSet,
  createRemoteJWKSet,
  customFetch,
} from 'jose';
import { X509Certificate, createPublicKey, type KeyObject } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { isSafeUrl } from '../../lib/config/authentication';
import { EnvError } from '../../lib/config/values';

/** The keys are unavailable, which does not make the token invalid. */
export class KeysUnreachableError extends Error {}
/** The token's key id does not exist or is malformed. */
class UnknownKey extends Error {}

const KID_PATTERN = /^[A-Za-z0-9_-]{1,128}$/;
const TIMEOUT_MS = 5_000;
const MAX_BYTES = 262_144;
const MAX_KEYS = 64;
/** Limits fetches of unknown key ids per window, because an unauthenticated client can send any. */
const MAX_UNKNOWN_KEYS = 20;
const UNKNOWN_KEYS_WINDOW_MS = 60_000;
const TTL_MS = 3_600_000;
/** How long a key stays valid while its refresh fails; the refresh is retried every RETRY_MS. */
const STALE_MS = 24 * 3_600_000;
const RETRY_MS = 30_000;

/** GETs a small text without redirects. Throws KeysUnreachableError. */
async function fetchLimited(url: string, signal?: AbortSignal | null): Promise<Response> {
  const response = await fetch(url, {
    redirect: 'error',
    signal: signal ?? AbortSignal.timeout(TIMEOUT_MS),
  }).catch((cause: unknown) => {
    throw new KeysUnreachableError('The JWT keys could not be fetched.', { cause });
  });
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of response.body ?? []) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > MAX_BYTES) throw new Error('The JWT keys are too large.');
    }
  } catch (cause) {
    throw new KeysUnreachableError('The JWT keys could not be read.', { cause });
  }
  return new Response(Buffer.concat(chunks), {
    status: response.status,
    headers: response.headers,
  });
}

function readPem(pem: string): KeyObject {
  if (pem.includes('PRIVATE KEY')) throw new TypeError('a private key');
  return pem.includes('BEGIN CERTIFICATE')
    ? new X509Certificate(pem).publicKey
    : createPublicKey(pem);
}

/** A JWKS URL: cached, and fetched again for an unknown key at most every 30 s. */
export function fromJwksUrl(url: URL): JWTVerifyGetKey {
  const keys = createRemoteJWKSet(url, {
    timeoutDuration: TIMEOUT_MS,
    cooldownDuration: 30_000,
    cacheMaxAge: TTL_MS,
    [customFetch]: (address, { signal }) => fetchLimited(address, signal),
  });
  return async (header, token) => {
    checkKid(header.kid, false);
    return keys(header, token).catch((error: unknown) => {
      const code = error instanceof Error && 'code' in error ? error.code : undefined;
      if (
        code === 'ERR_JWKS_NO_MATCHING_KEY' ||
        code === 'ERR_JWKS_MULTIPLE_MATCHING_KEYS' ||
        code === 'ERR_JOSE_NOT_SUPPORTED'
      )
        throw error;
      throw new KeysUnreachableError('The JWT keys could not be fetched.', { cause: error });
    });
  };
}

interface CachedKey {
  key: KeyObject;
  fetchedAt: number;
  refreshAt: number;
}

/** One PEM per key at a URL with `{kid}`. */
function fromPemUrl(template: string): JWTVerifyGetKey {
  /** Ordered by last use. */
  const cache = new Map<string, CachedKey>();
  const pending = new Map<string, Promise<KeyObject>>();
  let unknownKeys = { since: 0, times: 0 };

  async function fetchKey(name: string): Promise<KeyObject> {
    const response = await fetchLimited(template.replaceAll('{kid}', name));
    if (response.status === 404 || response.status === 403 || response.status === 400) {
      cache.delete(name);
      throw new UnknownKey('The key does not exist.');
    }
    if (!response.ok)
      throw new KeysUnreachableError(`The key URL answered with status ${response.status}.`);
    const key = parseKeyResponse(await response.text());
    const now = Date.now();
    cache.set(name, { key, fetchedAt: now, refreshAt: now + TTL_MS });
    if (cache.size > MAX_KEYS) cache.delete(cache.keys().next().value ?? '');
    return key;
  }

  /** Shares a fetch in progress. Refreshing a cached key does not count against the limit. */
  function fetchKeyOnce(name: string): Promise<KeyObject> {
    const running = pending.get(name);
    if (running) return running;
    if (!cache.has(name)) {
      if (Date.now() - unknownKeys.since > UNKNOWN_KEYS_WINDOW_MS)
        unknownKeys = { since: Date.now(), times: 0 };
      unknownKeys.times += 1;
      if (unknownKeys.times > MAX_UNKNOWN_KEYS)
        throw new KeysUnreachableError('Too many unknown keys were requested.');
    }
    const request = fetchKey(name).finally(() => pending.delete(name));
    pending.set(name, request);
    return request;
  }

  return async ({ kid }) => {
    const name = checkKid(kid, true);
    const cached = cache.get(name);
    if (!cached) return fetchKeyOnce(name);
    cache.delete(name);
    cache.set(name, cached);
    if (cached.refreshAt > Date.now()) return cached.key;
    return fetchKeyOnce(name).catch((error: unknown) => {
      // Use the stale key: a failed fetch does not mean that the key is invalid.
      if (!(error instanceof KeysUnreachableError) || Date.now() - cached.fetchedAt > STALE_MS)
        throw error;
      cached.refreshAt = Date.now() + RETRY_MS;
      return cached.key;
    });
  };
}

/** Parses a PEM. Anything else, such as a captive portal's page, counts as unreachable keys. */
function parseKeyResponse(text: string): KeyObject {
  try {
    return readPem(text);
  } catch (cause) {
    throw new KeysUnreachableError('The key URL did not return a key.', {
      cause,
    });
  }
}

/** The key id becomes part of a URL and must not change its path, query or host. */
function checkKid(kid: unknown, isRequired: boolean): string {
  if (kid === undefined && !isRequired) return '';
  if (typeof kid === 'string' && KID_PATTERN.test(kid)) return kid;
  throw new UnknownKey('The key id is malformed.');
}

function fromText(text: string): JWTVerifyGetKey {
  if (text.trimStart().startsWith('{')) {
    // `createLocalJWKSet` checks the shape.
    const keySet: JSONWebKeySet = JSON.parse(text);
    return createLocalJWKSet(keySet);
  }
  const key = readPem(text);
  return async () => key;
}

/** Reads `JWT_KEYS`: a JWKS URL, a PEM URL with `{kid}`, a PEM, or a file. Throws EnvError. */
export function readKeys(setting: string): JWTVerifyGetKey {
  if (/^https?:/i.test(setting)) {
    const url = URL.canParse(setting) ? new URL(setting) : null;
    // `{kid}` is allowed in the path only: in the host, the token would choose the server.
    if (
      !url ||
      !isSafeUrl(url) ||
      url.password !== '' ||
      /[{}]|%7B/i.test(url.host) ||
      /\{(?!kid\})/.test(setting)
    )
      throw new EnvError(
        'JWT_KEYS must be an https:// URL (http:// for localhost alone), a PEM, or a file.',
      );
    return setting.includes('{kid}') ? fromPemUrl(setting) : fromJwksUrl(url);
  }
  try {
    return fromText(
      setting.includes('-----BEGIN')
        ? setting.replaceAll('\\n', '\n')
        : readFileSync(setting, 'utf8'),
    );
  } catch {
    throw new EnvError(
      'JWT_KEYS must be a URL, a PEM of a public key or certificate, or a file of PEM or JWKS that can be read.',
    );
  }
}
