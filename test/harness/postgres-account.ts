import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import os from 'node:os';

/** The user that the PostgreSQL programs run as, where that is not the current one. */
export interface Account {
  uid: number;
  gid: number;
}

export function isRoot(): boolean {
  return process.geteuid?.() === 0;
}

/**
 * The environment of the PostgreSQL programs: ours without what would change them.
 * PGDATA, PGPORT and the like are read by them, and a Japanese LANG would translate the
 * log lines that a failed start is judged by.
 */
export function serverEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(PG|LC_|LANG)/.test(name)),
  ) as NodeJS.ProcessEnv;
}

/** Whether a program runs as that account and exits 0: the one proof that covers modes, ACLs, mounts and missing libraries. */
export function runsAs(account: Account | undefined, file: string, args: string[]): boolean {
  const result = spawnSync(file, args, {
    ...account,
    cwd: '/',
    env: serverEnvironment(),
    stdio: 'ignore',
    timeout: 20_000,
  });
  return result.error === undefined && result.status === 0;
}

export function canUse(account: Account | undefined, folder: string): boolean {
  return runsAs(account, '/bin/sh', ['-c', 'test -x "$1" && test -w "$1"', 'sh', folder]);
}

export function canTraverse(account: Account | undefined, folder: string): boolean {
  return runsAs(account, '/bin/sh', ['-c', 'test -x "$1"', 'sh', folder]);
}

let unprivileged: Account | undefined;

/**
 * undefined for an ordinary user. For root an existing unprivileged account: initdb and postgres refuse root,
 * and initdb looks its own user up by name, so a number without an entry will not do. No user is created:
 * that would change the machine of whoever tries the demo.
 */
export function serverAccount(): Account | undefined {
  if (!isRoot()) return undefined;
  if (unprivileged) return unprivileged;
  const accounts = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .filter((line) => /^[^#]/.test(line))
    .map((line) => line.split(':'))
    .map(([name, , uid, gid]) => ({ name, uid: Number(uid), gid: Number(gid) }))
    .filter(({ uid, gid }) => Number.isInteger(uid) && Number.isInteger(gid) && uid !== 0)
    .sort((a, b) => Number(b.name === 'nobody') - Number(a.name === 'nobody'));
  // A few are enough: where the first ones cannot be become, root has lost that right altogether.
  for (const { uid, gid } of accounts.slice(0, 4)) {
    if (runsAs({ uid, gid }, '/bin/sh', ['-c', ':'])) return (unprivileged = { uid, gid });
  }
  throw new Error(
    'PostgreSQL refuses to run as root and this root may not start a program as another user; run this as an ordinary user.',
  );
}

/** Temporary folders that the account can reach; TMPDIR of root is often a private one. */
export function temporaryFolders(account: Account | undefined): string[] {
  const folders = [...new Set([os.tmpdir(), '/tmp', '/var/tmp'])];
  return folders.filter((folder) => canTraverse(account, folder));
}
