import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { readdirSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { isPrivateFolder, readPrivateFile } from './private-folder';

/** How long a token can be used. */
export const TOKEN_MS = 600_000;
/** Of one server at a time; a token that is over is remembered, so that its page can say so. */
const MAX_TOKENS = 16;
const MAX_USED = 100;
/** Whether the folder is there is looked up no more often. */
const ENSURE_MS = 3_000;
const PREFIX = 'token-';
const LINK = 'link';
const WELL_FORMED = /^[A-Za-z0-9_-]{43}$/;

export type TokenResult = 'accepted' | 'wrong' | 'used' | 'expired';

interface StoredToken {
  file: string;
  digest: Buffer;
  /** ms since 1970 */
  expiresAt: number;
}

const digestOf = (token: string) => createHash('sha256').update(token).digest();

function readToken(file: string): StoredToken | null {
  try {
    const { sha256, expiresAt } = JSON.parse(readPrivateFile(file) ?? '') as Record<
      string,
      unknown
    >;
    if (typeof sha256 !== 'string' || typeof expiresAt !== 'number') return null;
    const digest = Buffer.from(sha256, 'hex');
    return digest.length === 32 ? { file, digest, expiresAt } : null;
  } catch {
    return null; // half written, or not ours
  }
}

/** Newest first. Nothing in a folder that others may enter counts. */
function storedTokens(folder: string): StoredToken[] {
  if (!isPrivateFolder(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.startsWith(PREFIX))
    .slice(0, 10 * MAX_TOKENS)
    .flatMap((name) => readToken(path.join(folder, name)) ?? [])
    .sort((a, b) => b.expiresAt - a.expiresAt);
}

/** Makes a token for the server of this folder and returns it: 256 bits, of which only the hash is stored. */
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

/** The start tokens of one server. They are files: `npm run token` adds one, and its removal decides who used it. */
export class StartTokens {
  readonly #used: Buffer[] = [];
  #link: { file: string; digest: Buffer } | null = null;

  #folder: string;
  #ensuredAt = -Infinity;

  /** `restore` makes the folder anew where it is gone, and returns where it is then. */
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

  /** Before somebody is sent to `npm run token`, which looks for the folder. Anybody may ask: never throws. */
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

  /** Writes a link with a new token to a file of mode 0600, which goes when it is used. Returns the file. */
  writeLink(startUrl: string): string {
    const token = this.issue();
    const file = path.join(this.folder, LINK);
    writeFileSync(file, `${startUrl}#${token}\n`, { mode: 0o600 });
    this.#link = { file, digest: digestOf(token) };
    return file;
  }

  /** Accepts each token once. `text` may be the whole link, as somebody pastes it. */
  consume(text: string): TokenResult {
    const token = text.slice(text.lastIndexOf('#') + 1).trim();
    if (!WELL_FORMED.test(token)) return 'wrong';
    const digest = digestOf(token);
    const isSame = (other: Buffer) => timingSafeEqual(other, digest);
    if (this.#used.some(isSame)) return 'used';
    const stored = storedTokens(this.folder).find((one) => isSame(one.digest));
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

  /** Ends all tokens. */
  close(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }
}
