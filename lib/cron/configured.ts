import 'server-only';
import { statSync } from 'node:fs';
import { env } from '../env';
import { type CronFile, CronFileError, readCronFile } from './cron-file';

export interface Configured extends CronFile {
  /** CRON_FILE is set. */
  given: boolean;
  /** It cannot be read any more: these are the entries that it had before. */
  stale: boolean;
}

const NOTHING: Configured = { entries: new Map(), given: false, stale: false };
/** A change of the file is seen after so long. */
const CHECK_MS = 5_000;

interface Kept {
  path: string;
  stamp: string;
  checkedAt: number;
  value: Configured;
}
const shared = globalThis as typeof globalThis & { goodJobConsoleCron?: Kept };

/** The entries of CRON_FILE as it is now. A file that went bad after the start leaves those that it had. */
export function configuredCron(): Configured {
  const path = env().cronFile;
  if (path === null) return NOTHING;
  const kept = shared.goodJobConsoleCron?.path === path ? shared.goodJobConsoleCron : undefined;
  if (kept && Date.now() - kept.checkedAt < CHECK_MS) return kept.value;
  const stamp = stampOf(path);
  const value = kept && kept.stamp === stamp ? kept.value : load(path, kept?.value);
  shared.goodJobConsoleCron = { path, stamp, checkedAt: Date.now(), value };
  return value;
}

function load(path: string, before: Configured | undefined): Configured {
  try {
    return { ...readCronFile(path), given: true, stale: false };
  } catch (error) {
    if (!(error instanceof CronFileError)) throw error;
    console.error(error.message);
    return { entries: before?.entries ?? new Map(), given: true, stale: true };
  }
}

function stampOf(path: string): string {
  try {
    const { mtimeMs, size, ino } = statSync(path);
    return `${mtimeMs} ${size} ${ino}`;
  } catch {
    return 'gone';
  }
}
