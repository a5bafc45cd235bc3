import { EncryptJWT, type JWTPayload, jwtDecrypt } from 'jose';
import { hkdfSync } from 'node:crypto';

/** Names a cookie's use: one of another use, console or client cannot be opened in its place. */
export interface Sealer {
  /** `until`: ms since 1970. */
  seal(payload: JWTPayload, until: number): Promise<string>;
  /** null: not sealed by us for this, changed, or over. */
  open(value: string): Promise<JWTPayload | null>;
}

/** Encrypts with the first secret and opens with each: a new one is put before the old until those are over. */
export function createSealer(secrets: string[], use: string): Sealer {
  const keys = secrets.map(
    (secret) => new Uint8Array(hkdfSync('sha256', secret, 'good-job-console', use, 32)),
  );
  const [newest] = keys;
  if (!newest) throw new Error('There is no secret.');
  return {
    seal: (payload, until) =>
      new EncryptJWT(payload)
        .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
        .setExpirationTime(Math.ceil(until / 1000))
        .encrypt(newest),
    async open(value) {
      for (const key of keys) {
        const opened = await jwtDecrypt(value, key, {
          keyManagementAlgorithms: ['dir'],
          contentEncryptionAlgorithms: ['A256GCM'],
          requiredClaims: ['exp'],
        }).catch(() => null);
        if (opened) return opened.payload;
      }
      return null;
    },
  };
}
