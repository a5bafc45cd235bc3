import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { z } from 'zod';
import {
  type FolderSource,
  ensurePrivateFolder,
  isPrivateFolder,
  placesToSearch,
  readPrivateFile,
} from './private-folder';

const PREFIX = 'server-';
const RECORD = 'server.json';

const record = z.object({
  pid: z.number().int().positive(),
  /** null until the server listens. */
  address: z
    .object({
      host: z.string(),
      port: z.number().int().positive(),
      basePath: z.string(),
      /** Of /auth/start, without a token. */
      startUrl: z.string(),
    })
    .nullable(),
});
export type ServerAddress = NonNullable<z.infer<typeof record>['address']>;

export interface RunningServer extends ServerAddress {
  folder: string;
}

const foldersIn = (place: string) =>
  readdirSync(place)
    .filter((name) => name.startsWith(PREFIX))
    .map((name) => path.join(place, name))
    .filter(isPrivateFolder);

function recordIn(folder: string): z.infer<typeof record> | null {
  try {
    return record.parse(JSON.parse(readPrivateFile(path.join(folder, RECORD)) ?? ''));
  } catch {
    return null;
  }
}

function write(folder: string, address: ServerAddress | null): void {
  writeFileSync(path.join(folder, RECORD), JSON.stringify({ pid: process.pid, address }), {
    mode: 0o600,
  });
}

/** A folder of mode 0700 for one server, which `npm run token` finds once it is announced. Throws EnvError. */
export function createServerFolder(source: FolderSource): string {
  const place = ensurePrivateFolder(source);
  // A server that was killed could not remove its own.
  for (const folder of foldersIn(place)) {
    const pid = recordIn(folder)?.pid;
    if (pid !== undefined && !isAlive(pid)) rmSync(folder, { recursive: true, force: true });
  }
  const folder = mkdtempSync(path.join(place, PREFIX));
  write(folder, null);
  return folder;
}

/**
 * The folder of a running server, made anew with its record where one of them is gone: at the end of a login session or
 * by what cleans the temporary folder. It may be in another place then. Throws EnvError.
 */
export function restoreServerFolder(
  source: FolderSource,
  folder: string,
  address: ServerAddress | null,
): string {
  const own = isPrivateFolder(folder) ? folder : createServerFolder(source);
  const found = recordIn(own);
  if (found === null || (found.address === null && address !== null)) write(own, address);
  return own;
}

export function announceServer(folder: string, address: ServerAddress): void {
  write(folder, address);
}

/** The servers of this user that wait for a start token. */
export async function findServers(source: FolderSource): Promise<RunningServer[]> {
  const announced = placesToSearch(source)
    .flatMap(foldersIn)
    .flatMap((folder) => {
      const found = recordIn(folder);
      return found?.address && isAlive(found.pid) ? [{ folder, ...found.address }] : [];
    });
  // A process id may be in use again after a restart of the machine.
  const listening = await Promise.all(announced.map(({ host, port }) => isListening(host, port)));
  return announced.filter((_, index) => listening[index]);
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
