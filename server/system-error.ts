import { writeSync } from 'node:fs';

const REASONS: Record<string, string> = {
  ENOSPC: 'No space is left on the device',
  EDQUOT: 'The disk quota is exceeded',
  EPIPE: 'The output is closed',
  EMFILE: 'This process may not open more files',
  ENFILE: 'The system may not open more files',
  EROFS: 'The file system is read-only',
  EACCES: 'This user has no access',
  EPERM: 'This user has no permission',
  EIO: 'The device failed',
};

/** Returns one sentence for an error of the operating system; null for any other error. */
export function systemErrorSentence(error: unknown): string | null {
  if (!isErrnoException(error)) return null;
  const code = String(error.code);
  if (!/^E[A-Z0-9]+$/.test(code)) return null;
  const reason = REASONS[code] ?? 'The operating system refused';
  const location = error.path ?? error.syscall;
  return `${reason}${location ? `: ${location}` : ''} (${code}).`;
}

function isErrnoException(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error && 'errno' in error;
}

/**
 * Errors after which the server cannot continue. Others, such as a lost connection, end a request.
 */
const FATAL = new Set(['ENOSPC', 'EDQUOT', 'EROFS', 'EIO']);

/**
 * Ends the process with one sentence when the output or the disk is not writable. Next logs other
 * unhandled errors; without Next they end the process with their stack.
 */
export function endOnSystemErrors(): void {
  for (const stream of [process.stdout, process.stderr]) stream.on('error', exitWithError);
  for (const event of ['uncaughtException', 'unhandledRejection'] as const)
    process.on(event, (error: unknown) => {
      const code = error instanceof Error && 'code' in error ? String(error.code) : '';
      if (FATAL.has(code) || process.listenerCount(event) === 1) exitWithError(error);
    });
}

/** Prints the sentence to stderr and ends the process with status 1. */
export function exitWithMessage(sentence: string): never {
  try {
    // Synchronous, because the streams may be broken.
    writeSync(2, `${sentence}\n`);
  } catch {
    // stderr is closed.
  }
  process.exit(1);
}

function exitWithError(error: unknown): never {
  exitWithMessage(
    systemErrorSentence(error) ??
      (error instanceof Error ? (error.stack ?? error.message) : String(error)),
  );
}
