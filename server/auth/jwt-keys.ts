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

/** The keys could not be had: the fault is not the token's. */
export class KeysUnreachable extends Error {}
/** The token names a key that there is not, or in characters that no key's name has. */
export class NoSuchKey extends Error {}

const KID = /^[A-Za-z0-9_-]{1,128}$/;
const TIMEOUT_MS = 5_000;
const MAX_BYTES = 262_144;
const MAX_KEYS = 64;
/** Whoever reaches the console may name any key: so many unknown ones are asked for in a minute. */
const MAX_ASKED = 20;
const ASKED_WINDOW_MS = 60_000;
const FRESH_MS = 3_600_000;
/** A key that cannot be asked for again stays good for so long; it is tried again each RETRY_MS. */
const STALE_MS = 24 * 3_600_000;
const RETRY_MS = 30_000;

/** GETs a small text; no redirect is followed. */
async function get(url: string, signal?: AbortSignal | null): Promise<Response> {
  const response = await fetch(url, {
    redirect: 'error',
    signal: signal ?? AbortSignal.timeout(TIMEOUT_MS),
  }).catch((cause: unknown) => {
    throw new KeysUnreachable('The keys could not be had.', { cause });
  });
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  try {
    for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes > MAX_BYTES) throw new Error('The keys are too large.');
    }
  } catch (cause) {
    throw new KeysUnreachable('The keys could not be read.', { cause });
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

/** A JWKS at an address: cached, asked for again at a key that is not in it, not more often than each 30 s. */
export function fromJwksUrl(url: URL): JWTVerifyGetKey {
  const keys = createRemoteJWKSet(url, {
    timeoutDuration: TIMEOUT_MS,
    cooldownDuration: 30_000,
    cacheMaxAge: FRESH_MS,
    [customFetch]: (address, { signal }) => get(address, signal),
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
      throw new KeysUnreachable('The keys could not be had.', { cause: error });
    });
  };
}

interface KnownKey {
  key: KeyObject;
  fetchedAt: number;
  askAgainAt: number;
}

/** One PEM at an address a key: `{kid}` in it. */
function fromPemUrl(template: string): JWTVerifyGetKey {
  /** In the order of their last use. */
  const known = new Map<string, KnownKey>();
  const underWay = new Map<string, Promise<KeyObject>>();
  let asked = { since: 0, times: 0 };

  async function fetchKey(name: string): Promise<KeyObject> {
    const response = await get(template.replaceAll('{kid}', name));
    if (response.status === 404 || response.status === 403 || response.status === 400) {
      known.delete(name);
      throw new NoSuchKey('There is no such key.');
    }
    if (!response.ok) throw new KeysUnreachable(`The keys' address answers ${response.status}.`);
    const key = readAnswer(await response.text());
    const now = Date.now();
    known.set(name, { key, fetchedAt: now, askAgainAt: now + FRESH_MS });
    if (known.size > MAX_KEYS) known.delete(known.keys().next().value ?? '');
    return key;
  }

  /** Who asks for a key that is on its way waits for that one. A key that was there before costs nothing of what strangers may ask for. */
  function ask(name: string): Promise<KeyObject> {
    const already = underWay.get(name);
    if (already) return already;
    if (!known.has(name)) {
      if (Date.now() - asked.since > ASKED_WINDOW_MS) asked = { since: Date.now(), times: 0 };
      if (++asked.times > MAX_ASKED) throw new KeysUnreachable('Too many keys were asked for.');
    }
    const asking = fetchKey(name).finally(() => underWay.delete(name));
    underWay.set(name, asking);
    return asking;
  }

  return async ({ kid }) => {
    const name = checkKid(kid, true);
    const before = known.get(name);
    if (!before) return ask(name);
    known.delete(name);
    known.set(name, before);
    if (before.askAgainAt > Date.now()) return before.key;
    return ask(name).catch((error: unknown) => {
      // It was good, and nobody says that it is no more.
      if (!(error instanceof KeysUnreachable) || Date.now() - before.fetchedAt > STALE_MS)
        throw error;
      before.askAgainAt = Date.now() + RETRY_MS;
      return before.key;
    });
  };
}

/** What an address answers instead of a key (a captive portal's page, an error that calls itself 200) is no fault of the token's. */
function readAnswer(text: string): KeyObject {
  try {
    return readPem(text);
  } catch (cause) {
    throw new KeysUnreachable("The keys' address answers with something that is no key.", {
      cause,
    });
  }
}

/** It becomes part of an address: no path, no query, no other host. */
function checkKid(kid: unknown, needed: boolean): string {
  if (kid === undefined && !needed) return '';
  if (typeof kid === 'string' && KID.test(kid)) return kid;
  throw new NoSuchKey('No key has such a name.');
}

function fromText(text: string): JWTVerifyGetKey {
  if (text.trimStart().startsWith('{')) return createLocalJWKSet(JSON.parse(text) as JSONWebKeySet);
  const key = readPem(text);
  return async () => key;
}

/** `JWT_KEYS`: a JWKS URL, the URL of a PEM with `{kid}`, a PEM, or a file of PEM or JWKS. Throws EnvError. */
export function readKeys(given: string): JWTVerifyGetKey {
  if (/^https?:/i.test(given)) {
    const url = URL.canParse(given) ? new URL(given) : null;
    // In the path alone: in a host name the token would choose whom to ask.
    if (
      !url ||
      !isSafeUrl(url) ||
      url.password !== '' ||
      /[{}]|%7B/i.test(url.host) ||
      /\{(?!kid\})/.test(given)
    )
      throw new EnvError(
        'JWT_KEYS must be an https:// URL (http:// for localhost alone), a PEM, or a file.',
      );
    return given.includes('{kid}') ? fromPemUrl(given) : fromJwksUrl(url);
  }
  try {
    return fromText(
      given.includes('-----BEGIN') ? given.replaceAll('\\n', '\n') : readFileSync(given, 'utf8'),
    );
  } catch {
    throw new EnvError(
      'JWT_KEYS must be a URL, a PEM of a public key or certificate, or a file of PEM or JWKS that can be read.',
    );
  }
}
