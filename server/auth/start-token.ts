import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { readdirSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { z } from 'zod';
import { isPrivateFolder, readPrivateFile } from './private-folder';

/** Lifetime of a token. */
export const TOKEN_MS = 600_000;
/** Maximum per server, including expired tokens, which the page distinguishes from unknown ones. */
const MAX_TOKENS = 16;
const MAX_USED = 100;
/** Minimum time between checks of the folder. */
const ENSURE_MS = 3_000;
const PREFIX = 'token-';
const LINK = 'link';
const WELL_FORMED = /^[A-Za-z0-9_-]{43}$/;

type TokenResult = 'accepted' | 'wrong' | 'used' | 'expired';

interface StoredToken {
  file: string;
  digest: Buffer;
  /** ms since 1970 */
  expiresAt: number;
}

/** The content of a token's file. */
const tokenSchema = z.object({ sha256: z.string(), expiresAt: z.number() });

const digestOf = (token: string) => createHash('sha256').update(token).digest();

function readToken(file: string): StoredToken | null {
  try {
    const { sha256, expiresAt } = tokenSchema.parse(JSON.parse(readPrivateFile(file) ?? ''));
    const digest = Buffer.from(sha256, 'hex');
    return digest.length === 32 ? { file, digest, expiresAt } : null;
  } catch {
    return null; // incomplete or unrelated
  }
}

/** Newest first; empty if others can access the folder. */
function storedTokens(folder: string): StoredToken[] {
  if (!isPrivateFolder(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.startsWith(PREFIX))
    .slice(0, 10 * MAX_TOKENS)
    .flatMap((name) => readToken(path.join(folder, name)) ?? [])
    .sort((a, b) => b.expiresAt - a.expiresAt);
}

/** Creates a 256-bit token for the server of this folder. Only its hash is stored. */
export function issueToken(folder: string, now: number = Date.now()): string {
  for (const { file } of storedTokens(folder).slice(MAX_TOKENS - 1)) rmSync(file, { force: true });
  const token = randomBytes(32).toString('base64url');
  const file = path.join(folder, `${PREFIX}${randomBytes(8).toString('hex')}`);
  writeFileSync(
    file,
    JSON.stringify({ sha256: digestOf(token).toString('hex'), expiresAt: now + TOKEN_MS }),
    { flag: 'wx', mode: 0o600 },
  );
  return token;
}

/**
 * The start tokens of one server, stored as files: `npm run token` adds one, and deleting the file
 * decides which of several requests has used it.
 */
export class StartTokens {
  readonly #used: Buffer[] = [];
  #link: { file: string; digest: Buffer } | null = null;

  #folder: string;
  #ensuredAt = -Infinity;

  /** `restore` recreates a missing folder and returns its path. */
  constructor(
    folder: string,
    readonly now: () => number = Date.now,
    private readonly restore: (folder: string) => string = (same) => same,
  ) {
    this.#folder = folder;
  }

  get folder(): string {
    return this.#folder;
  }

  /**
   * Recreates the folder before the page refers to `npm run token`, which needs it. Never throws.
   */
  ensureFolder(): void {
    const now = this.now();
    if (Math.abs(now - this.#ensuredAt) < ENSURE_MS) return;
    this.#ensuredAt = now;
    try {
      this.#folder = this.restore(this.#folder);
    } catch (error) {
      console.error(error instanceof Error ? error.message : String(error));
    }
  }

  issue(): string {
    this.#folder = this.restore(this.#folder);
    return issueToken(this.folder, this.now());
  }

  /** Writes a link with a new token to a file of mode 0600, deleted on use. Returns its path. */
  writeLink(startUrl: string): string {
    const token = this.issue();
    const file = path.join(this.folder, LINK);
    writeFileSync(file, `${startUrl}#${token}\n`, { mode: 0o600 });
    this.#link = { file, digest: digestOf(token) };
    return file;
  }

  /** Accepts each token once. `text` is a token or a pasted link. */
  consume(text: string): TokenResult {
    const token = text.slice(text.lastIndexOf('#') + 1).trim();
    if (!WELL_FORMED.test(token)) return 'wrong';
    const digest = digestOf(token);
    const isSame = (other: Buffer) => timingSafeEqual(other, digest);
    if (this.#used.some(isSame)) return 'used';
    const stored = storedTokens(this.folder).find((candidate) => isSame(candidate.digest));
    if (!stored) return 'wrong';
    if (stored.expiresAt <= this.now()) return 'expired';
    try {
      unlinkSync(stored.file);
    } catch {
      return 'used';
    }
    this.#used.push(digest);
    if (this.#used.length > MAX_USED) this.#used.shift();
    if (this.#link && isSame(this.#link.digest)) rmSync(this.#link.file, { force: true });
    return 'accepted';
  }

  /** Deletes all tokens. */
  close(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
