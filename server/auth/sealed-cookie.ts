import { EncryptJWT, type JWTPayload, jwtDecrypt } from 'jose';
import { hkdfSync } from 'node:crypto';

/** Encrypts cookies for one use; a cookie of another use, console or client cannot be opened. */
export interface Sealer {
  /** `expiresAtMs` is in ms since 1970. */
  seal(payload: JWTPayload, expiresAtMs: number): Promise<string>;
  /** Returns null if the cookie is foreign, modified or expired. */
  open(value: string): Promise<JWTPayload | null>;
}

/** Encrypts with the first secret and decrypts with all of them, which allows secret rotation. */
export function createSealer(secrets: string[], use: string): Sealer {
  const keys = secrets.map(
    (secret) => new Uint8Array(hkdfSync('sha256', secret, 'good-job-console', use, 32)),
  );
  const [newest] = keys;
  if (!newest) throw new Error('A session secret is required.');
  return {
    seal: (payload, expiresAtMs) =>
      new EncryptJWT(payload)
        .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
        .setExpirationTime(Math.ceil(expiresAtMs / 1000))
        .encrypt(newest),
    async open(value) {
      for (const key of keys) {
        const decrypted = await jwtDecrypt(value, key, {
          keyManagementAlgorithms: ['dir'],
          contentEncryptionAlgorithms: ['A256GCM'],
          requiredClaims: ['exp'],
        }).catch(() => null);
        if (decrypted) return decrypted.payload;
      }
      return null;
    },
  };
}
