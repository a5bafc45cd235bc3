import {
  chmodSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { captureOutput } from '../../test/harness/gateway';
import { LocalSessions } from './local-session';
import { ensurePrivateFolder, foldersToSearch } from './private-folder';
import {
  announceServer,
  createServerFolder,
  findServers,
  restoreServerFolder,
} from './server-folder';
import { StartTokens, TOKEN_MS, issueToken } from './start-token';

let folder: string;
let clock: number;
let tokens: StartTokens;
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'gjc-token-'));
  clock = Date.now();
  tokens = new StartTokens(folder, () => clock);
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const tokenFiles = () => readdirSync(folder).filter((name) => name.startsWith('token-'));
const tokenFile = () => path.join(folder, tokenFiles()[0] ?? '');
const isRoot = process.getuid?.() === 0;
const OTHER_USER = 54_321;

describe('a start token', () => {
  it('a start token has 256 bits and is stored as a hash in a file of mode 0600', () => {
    const token = tokens.issue();
    expect(Buffer.from(token, 'base64url')).toHaveLength(32);
    expect(statSync(tokenFile()).mode & 0o777).toBe(0o600);
    expect(readFileSync(tokenFile(), 'utf8')).not.toContain(token);
  });

  it('a start token is accepted once', () => {
    const token = tokens.issue();
    expect(tokens.consume(token)).toBe('accepted');
    expect(tokenFiles()).toEqual([]);
    expect(tokens.consume(token)).toBe('used');
  });

  it('a start token expires after ten minutes', () => {
    const first = tokens.issue();
    const second = tokens.issue();
    clock += TOKEN_MS - 1;
    expect(tokens.consume(first)).toBe('accepted');
    clock += 1;
    expect(tokens.consume(second)).toBe('expired');
    expect(tokens.consume(second)).toBe('expired');
  });

  it('a start token is accepted as a pasted link with surrounding blanks', () => {
    expect(tokens.consume(` http://localhost:3000/auth/start#${tokens.issue()}\n`)).toBe(
      'accepted',
    );
  });

  it.each(['', 'x', 'A'.repeat(43), 'A'.repeat(44), '../server', 'A'.repeat(100_000)])(
    'a start token is refused if it is wrong: %.50s',
    (text) => {
      tokens.issue();
      expect(tokens.consume(text)).toBe('wrong');
      expect(tokenFiles()).toHaveLength(1);
    },
  );

  it('a start token of another server is refused', () => {
    const other = new StartTokens(mkdtempSync(path.join(tmpdir(), 'gjc-token-')));
    expect(tokens.consume(other.issue())).toBe('wrong');
    other.close();
  });

  it('a start token is evicted by sixteen newer ones', () => {
    const first = tokens.issue();
    clock += 1;
    for (let n = 0; n < 16; n += 1) tokens.issue();
    expect(tokenFiles()).toHaveLength(16);
    expect(tokens.consume(first)).toBe('wrong');
  });

  it('a start token is refused if its file is readable by others or a symbolic link', () => {
    const token = tokens.issue();
    chmodSync(tokenFile(), 0o644);
    expect(tokens.consume(token)).toBe('wrong');
    chmodSync(tokenFile(), 0o600);
    const elsewhere = path.join(tmpdir(), `gjc-elsewhere-${process.pid}`);
    renameSync(tokenFile(), elsewhere);
    symlinkSync(elsewhere, path.join(folder, 'token-link'));
    expect(tokens.consume(token)).toBe('wrong');
    rmSync(elsewhere);
  });

  it.runIf(isRoot)('a start token is refused if its file or folder belongs to another user', () => {
    const token = tokens.issue();
    chownSync(tokenFile(), OTHER_USER, OTHER_USER);
    expect(tokens.consume(token)).toBe('wrong');
    chownSync(tokenFile(), 0, 0);
    chownSync(folder, OTHER_USER, OTHER_USER);
    expect(tokens.consume(token)).toBe('wrong');
    chownSync(folder, 0, 0);
    expect(tokens.consume(token)).toBe('accepted');
  });

  it('a start token is refused if others can access its folder', () => {
    const token = tokens.issue();
    chmodSync(folder, 0o755);
    expect(tokens.consume(token)).toBe('wrong');
  });

  it('a start token is accepted despite malformed files in its folder', () => {
    for (const [name, text] of [
      ['token-1', ''],
      ['token-2', 'null'],
      ['token-3', '{"sha256":"00","expiresAt":1e15}'],
      ['token-4', '{"sha256":5,"expiresAt":"x"}'],
      ['token-5', 'x'.repeat(10_000)],
    ] as const)
      writeFileSync(path.join(folder, name), text, { mode: 0o600 });
    expect(tokens.consume(tokens.issue())).toBe('accepted');
  });
});

describe('the file with the link', () => {
  it('the link file has mode 0600 and is deleted when its own token is used', () => {
    const file = tokens.writeLink('http://localhost:3000/auth/start');
    expect(statSync(file).mode & 0o777).toBe(0o600);
    const link = readFileSync(file, 'utf8').trim();
    expect(link).toMatch(/^http:\/\/localhost:3000\/auth\/start#[A-Za-z0-9_-]{43}$/);
    expect(tokens.consume(issueToken(folder, clock))).toBe('accepted');
    expect(existsSync(file)).toBe(true);
    expect(tokens.consume(link)).toBe('accepted');
    expect(existsSync(file)).toBe(false);
  });

  it('the link file is deleted when the server stops', () => {
    tokens.writeLink('http://localhost:3000/auth/start');
    tokens.close();
    expect(existsSync(folder)).toBe(false);
  });
});

describe('the private folder', () => {
  it('the private folder is created in the systemd, session or temporary folder', () => {
    const runtime = mkdtempSync(path.join(folder, 'runtime-'));
    const session = mkdtempSync(path.join(folder, 'session-'));
    const all = {
      RUNTIME_DIRECTORY: `${runtime}:/other`,
      XDG_RUNTIME_DIR: session,
      TMPDIR: folder,
    };
    expect(path.dirname(ensurePrivateFolder(all))).toBe(runtime);
    expect(path.dirname(ensurePrivateFolder({ ...all, RUNTIME_DIRECTORY: '' }))).toBe(session);
    const temporary = ensurePrivateFolder({ TMPDIR: folder, XDG_RUNTIME_DIR: '/nowhere/at/all' });
    expect(path.dirname(temporary)).toBe(folder);
    expect(statSync(temporary).mode & 0o777).toBe(0o700);
  });

  it('a private folder that others can access aborts startup with a clear message', () => {
    const source = { TMPDIR: folder };
    chmodSync(ensurePrivateFolder(source), 0o755);
    expect(() => ensurePrivateFolder(source)).toThrow(/^TMPDIR must be .+ mode 0700 .+\.$/);
    expect(foldersToSearch(source).some((candidate) => candidate.startsWith(folder))).toBe(false);
  });

  it.runIf(isRoot)(
    'startup aborts if the private folder has another owner, and skips such a session folder',
    () => {
      const session = mkdtempSync(path.join(folder, 'session-'));
      chownSync(session, OTHER_USER, OTHER_USER);
      const source = { TMPDIR: folder, XDG_RUNTIME_DIR: session };
      const own = ensurePrivateFolder(source);
      expect(path.dirname(own)).toBe(folder);
      chownSync(own, OTHER_USER, OTHER_USER);
      expect(() => ensurePrivateFolder(source)).toThrow(/^TMPDIR /);
    },
  );

  it('the private folder is refused if it is a symbolic link', () => {
    const source = { TMPDIR: folder };
    const own = ensurePrivateFolder(source);
    renameSync(own, `${own}-moved`);
    symlinkSync(`${own}-moved`, own);
    expect(() => ensurePrivateFolder(source)).toThrow(/^TMPDIR /);
  });
});

describe('findServers', () => {
  it('returns only servers that listen; the folder of a killed server is removed', async () => {
    const source = { TMPDIR: folder };
    const dead = createServerFolder(source);
    const address = { host: '127.0.0.1', port: 1, basePath: '', startUrl: 'http://localhost:1' };
    announceServer(dead, address);
    const findHere = async () =>
      (await findServers(source)).filter((server) => server.folder.startsWith(folder));
    expect(await findHere()).toEqual([]); // nothing listens on the port
    writeFileSync(path.join(dead, 'server.json'), JSON.stringify({ pid: 2 ** 22 + 1, address }));
    const alive = createServerFolder(source);
    expect(existsSync(dead)).toBe(false);
    expect(statSync(alive).mode & 0o777).toBe(0o700);
  });
});

describe('the folder of a running server', () => {
  const source = () => ({ TMPDIR: folder });
  async function startListening() {
    const server = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const { port } = server.address() as AddressInfo;
    const address = { host: '127.0.0.1', port, basePath: '', startUrl: `http://localhost:${port}` };
    const serverFolder = createServerFolder(source());
    announceServer(serverFolder, address);
    const ownTokens = new StartTokens(
      serverFolder,
      () => clock,
      (current) => restoreServerFolder(source(), current, address),
    );
    const findOwn = async () =>
      (await findServers(source())).filter((server) => server.port === port);
    return {
      own: ownTokens,
      findOwn,
      close: () => new Promise((resolve) => server.close(resolve)),
    };
  }

  it.each([
    ['the folder is deleted', (own: string) => rmSync(own, { recursive: true })],
    ['its parent is deleted', (own: string) => rmSync(path.dirname(own), { recursive: true })],
    ['its record is deleted', (own: string) => rmSync(path.join(own, 'server.json'))],
    ['others can access it', (own: string) => chmodSync(own, 0o755)],
  ])('the folder of a server is recreated on the next page view after %s', async (_, remove) => {
    const { own, findOwn, close } = await startListening();
    remove(own.folder);
    expect(await findOwn()).toEqual([]);
    own.ensureFolder();
    const [server, ...otherServers] = await findOwn();
    expect(otherServers).toEqual([]);
    expect(server?.folder).toBe(own.folder);
    expect(statSync(own.folder).mode & 0o777).toBe(0o700);
    expect(own.consume(issueToken(server?.folder ?? ''))).toBe('accepted');
    rmSync(own.folder, { recursive: true });
    own.ensureFolder();
    expect(existsSync(own.folder), 'checked again too early').toBe(false);
    expect(own.consume(own.issue())).toBe('accepted');
    rmSync(own.folder, { recursive: true });
    clock += 3_000;
    own.ensureFolder();
    expect(await findOwn()).toHaveLength(1);
    own.close();
    await close();
  });

  it('a server folder that cannot be recreated is reported in the log', async () => {
    const own = new StartTokens(
      path.join(folder, 'none'),
      () => clock,
      () => {
        throw new Error('TMPDIR must be a folder.');
      },
    );
    const { text } = await captureOutput(() => Promise.resolve(own.ensureFolder()));
    expect(text).toBe('TMPDIR must be a folder.');
  });
});

describe('LocalSessions', () => {
  const limits = { idleMs: 1_000, maxMs: 5_000 };
  const sessions = () => new LocalSessions(limits, () => clock);

  it('ends a local session after the idle time, which only activity restarts', () => {
    const open = sessions();
    const id = open.start();
    clock += 900;
    expect(open.has(id, true)).toBe(true);
    clock += 900;
    expect(open.has(id, false)).toBe(true);
    clock += 100;
    expect(open.has(id, true)).toBe(false);
  });

  it('ends an active session at the maximum time', () => {
    const open = sessions();
    const id = open.start();
    for (let n = 0; n < 9; n += 1) {
      clock += 500;
      expect(open.has(id, true)).toBe(true);
    }
    clock += 500;
    expect(open.has(id, true)).toBe(false);
  });

  it('evicts the least recently used of more than 100 sessions', () => {
    const open = sessions();
    const ids = Array.from({ length: 100 }, () => open.start());
    expect(open.has(ids[0] ?? '', true)).toBe(true);
    open.start();
    expect(open.has(ids[0] ?? '', true)).toBe(true);
    expect(open.has(ids[1] ?? '', true)).toBe(false);
  });

  it('LocalSessions rejects unknown ids', () => {
    const open = sessions();
    open.start();
    for (const id of ['', 'x', '__proto__']) expect(open.has(id, true)).toBe(false);
  });
});
