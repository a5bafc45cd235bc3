import { access } from 'node:fs/promises';

const TTL_MS = 2_000;

/** Checks that all files exist: temporary folders get cleaned up and builds get replaced. */
export function createFileCheck(files: string[]): () => Promise<boolean> {
  let cache: { at: number; isComplete: Promise<boolean> } | undefined;
  return () => {
    if (!cache || performance.now() - cache.at > TTL_MS)
      cache = { at: performance.now(), isComplete: allExist(files) };
    return cache.isComplete;
  };
}

async function allExist(files: string[]): Promise<boolean> {
  try {
    await Promise.all(files.map((file) => access(file)));
    return true;
  } catch {
    return false;
  }
}
