import { existsSync, readFileSync } from 'node:fs';

/**
 * Returns a function that reads a process's resident memory in kB (0 after exit); null without
 * /proc.
 */
export function createMemoryReader(pid: number): (() => number) | null {
  const status = `/proc/${pid}/status`;
  if (!existsSync(status)) return null;
  return () =>
    existsSync(status) ? Number(/VmRSS:\s+(\d+)/.exec(readFileSync(status, 'utf8'))?.[1] ?? 0) : 0;
}
