import { existsSync, readFileSync } from 'node:fs';

/** Reads the resident memory of this server in kB, 0 once it has ended; null where the system has no /proc. */
export function memoryReader(pid: number): (() => number) | null {
  const status = `/proc/${pid}/status`;
  if (!existsSync(status)) return null;
  return () =>
    existsSync(status) ? Number(/VmRSS:\s+(\d+)/.exec(readFileSync(status, 'utf8'))?.[1] ?? 0) : 0;
}
