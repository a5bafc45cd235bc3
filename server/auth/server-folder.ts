import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { z } from 'zod';
import {
  type FolderSource,
  ensurePrivateFolder,
  isPrivateFolder,
  foldersToSearch,
  readPrivateFile,
} from './private-folder';

const PREFIX = 'server-';
const RECORD = 'server.json';

const recordSchema = z.object({
  pid: z.number().int().positive(),
  /** null until the server listens. */
  address: z
    .object({
      host: z.string(),
      port: z.number().int().positive(),
      basePath: z.string(),
      /** URL of /auth/start without a token. */
      startUrl: z.string(),
    })
    .nullable(),
});
export type ServerAddress = NonNullable<z.infer<typeof recordSchema>['address']>;

export interface RunningServer extends ServerAddress {
  folder: string;
}

const foldersIn = (parent: string) =>
  readdirSync(parent)
    .filter((name) => name.startsWith(PREFIX))
    .map((name) => path.join(parent, name))
    .filter(isPrivateFolder);

function readRecord(folder: string): z.infer<typeof recordSchema> | null {
  try {
    return recordSchema.parse(JSON.parse(readPrivateFile(path.join(folder, RECORD)) ?? ''));
  } catch {
    return null;
  }
}

function writeRecord(folder: string, address: ServerAddress | null): void {
  writeFileSync(path.join(folder, RECORD), JSON.stringify({ pid: process.pid, address }), {
    mode: 0o600,
  });
}

/** Creates a folder of mode 0700, which `npm run token` finds once announced. Throws EnvError. */
export function createServerFolder(source: FolderSource): string {
  const parent = ensurePrivateFolder(source);
  // Remove folders of killed servers.
  for (const folder of foldersIn(parent)) {
    const pid = readRecord(folder)?.pid;
    if (pid !== undefined && !isAlive(pid)) rmSync(folder, { recursive: true, force: true });
  }
  const folder = mkdtempSync(path.join(parent, PREFIX));
  writeRecord(folder, null);
  return folder;
}

/**
 * Recreates the folder of a running server if a logout or a cleanup of the temporary folder has
 * removed it. Returns its path, which may have changed. Throws EnvError.
 */
export function restoreServerFolder(
  source: FolderSource,
  folder: string,
  address: ServerAddress | null,
): string {
  const current = isPrivateFolder(folder) ? folder : createServerFolder(source);
  const record = readRecord(current);
  if (record === null || (record.address === null && address !== null))
    writeRecord(current, address);
  return current;
}

export function announceServer(folder: string, address: ServerAddress): void {
  writeRecord(folder, address);
}

/** The running servers of this user that accept start tokens. */
export async function findServers(source: FolderSource): Promise<RunningServer[]> {
  const candidates = foldersToSearch(source)
    .flatMap(foldersIn)
    .flatMap((folder) => {
      const record = readRecord(folder);
      return record?.address && isAlive(record.pid) ? [{ folder, ...record.address }] : [];
    });
  // After a reboot another process may have the same id.
  const listening = await Promise.all(candidates.map(({ host, port }) => isListening(host, port)));
  return candidates.filter((_, index) => listening[index]);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

const CONNECT_MS = 2_000;
function isListening(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = net.connect({ host, port });
    const end = (listening: boolean) => {
      socket.destroy();
      resolve(listening);
    };
    socket.setTimeout(CONNECT_MS, () => end(false));
    socket.once('connect', () => end(true));
    socket.once('error', () => end(false));
  });
}
