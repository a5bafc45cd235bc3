import { writeSync } from 'node:fs';

const REASONS: Record<string, string> = {
  ENOSPC: 'No space is left on the device',
  EDQUOT: 'The disk quota is exceeded',
  EPIPE: 'Nobody reads the output any more',
  EMFILE: 'This process may not open more files',
  ENFILE: 'The system may not open more files',
  EROFS: 'The file system is read-only',
  EACCES: 'This user has no access',
  EPERM: 'This user has no permission',
  EIO: 'The device failed',
};

/** One sentence for an error of the operating system; null for any other error. */
export function systemErrorSentence(error: unknown): string | null {
  if (!(error instanceof Error) || !('code' in error) || !('errno' in error)) return null;
  const code = String(error.code);
  if (!/^E[A-Z0-9]+$/.test(code)) return null;
  const { syscall, path } = error as NodeJS.ErrnoException;
  const place = path ?? syscall;
  return `${REASONS[code] ?? 'The operating system refused'}${place ? `: ${place}` : ''} (${code}).`;
}

/** Nothing works on without a disk; a lost connection, on the other hand, ends one request. */
const FATAL = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EIO']);

/**
 * Ends the process with one sentence when the output or the disk cannot be written. Other errors that nobody handles are
 * left to Next, which logs them; without Next they end the process with their stack.
 */
export function endOnSystemErrors(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', end);
  for (const event of ['uncaughtException', 'unhandledRejection'] as const)
    process.on(event, (error: unknown) => {
      const code = error instanceof Error && 'code' in error ? String(error.code) : '';
      if (FATAL.has(code) || process.listenerCount(event) === 1) end(error);
    });
}

/** Prints the sentence to stderr and ends the process with status 1. */
export function endWith(sentence: string): never {
  try {
    // Synchronous: the streams may be what is broken.
    writeSync(2, `${sentence}\n`);
  } catch {
    // Nothing can be written any more.
  }
  process.exit(1);
}

function end(error: unknown): never {
  endWith(
    systemErrorSentence(error) ??
      (error instanceof Error ? (error.stack ?? error.message) : String(error)),
  );
}
