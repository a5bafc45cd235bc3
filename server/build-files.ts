import { access } from 'node:fs/promises';

const CACHE_MS = 2_000;

/** Whether all files of the build are still there: temporary folders are cleaned up, and builds are replaced. */
export function createFileCheck(files: string[]): () => Promise<boolean> {
  let checked: { at: number; complete: Promise<boolean> } | undefined;
  return () => {
    if (!checked || performance.now() - checked.at > CACHE_MS)
      checked = { at: performance.now(), complete: areThere(files) };
    return checked.complete;
  };
}

async function areThere(files: string[]): Promise<boolean> {
  try {
    await Promise.all(files.map((file) => access(file)));
    return true;
  } catch {
    return false;
  }
}
