import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import os from 'node:os';

/** The user that runs the PostgreSQL programs if it is not the current user. */
export interface Account {
  uid: number;
  gid: number;
}

export function isRoot(): boolean {
  return process.geteuid?.() === 0;
}

/**
 * The environment for the PostgreSQL programs, without PGDATA, PGPORT and the like. LANG and LC_*
 * are removed, because the harness parses untranslated log lines.
 */
export function serverEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(process.env).filter(([name]) => !/^(PG|LC_|LANG)/.test(name)),
  ) as NodeJS.ProcessEnv;
}

/** Whether a program exits 0 as that account, which covers modes, ACLs, mounts and libraries. */
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
 * undefined for an ordinary user. For root an existing unprivileged account, because initdb and
 * postgres refuse root and initdb needs an entry in /etc/passwd. Never creates a user.
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
  // If the first accounts fail, this root may not switch users at all.
  for (const { uid, gid } of accounts.slice(0, 4)) {
    if (!runsAs({ uid, gid }, '/bin/sh', ['-c', ':'])) continue;
    unprivileged = { uid, gid };
    return unprivileged;
  }
  throw new Error(
    'PostgreSQL refuses to run as root, and this root may not start a program as another user; ' +
      'run this as an ordinary user.',
  );
}

/** Temporary folders that the account can access; TMPDIR of root is often private. */
export function temporaryFolders(account: Account | undefined): string[] {
  const folders = [...new Set([os.tmpdir(), '/tmp', '/var/tmp'])];
  return folders.filter((folder) => canTraverse(account, folder));
}
