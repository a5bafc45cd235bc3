import { existsSync, readFileSync } from 'node:fs';

/**
 * Reads the resident memory in kB of the server that `npm start` with this process id started, 0 once it has ended; null
 * where the system has no /proc.
 */
export function memoryReader(pid: number): (() => number) | null {
  const children = `/proc/${pid}/task/${pid}/children`;
  const server = existsSync(children)
    ? readFileSync(children, 'utf8').trim().split(' ')[0]
    : undefined;
  if (!server) return null;
  const status = `/proc/${server}/status`;
  return () =>
    existsSync(status) ? Number(/VmRSS:\s+(\d+)/.exec(readFileSync(status, 'utf8'))?.[1] ?? 0) : 0;
}
