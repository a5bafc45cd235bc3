import type { EmbeddedPostgres } from '../../../test/postgres/postgres';
import { fill } from '../fill';
import { fetchConsole, startConsole } from '../server';
import { watchMemory } from './client';
import { TARGETS } from './measure-group';

const EXPORTED_JOBS = 30_000;

/** The result of one export of EXPORTED_JOBS ordinary jobs. */
export interface ExportMemory {
  format: string;
  megabytes: number;
  seconds: number;
  /** Growth of the server's peak resident memory; null without /proc. */
  memoryMb: number | null;
  missed: string[];
}

/** Exports the jobs from a new server, whose small heap grows the most. */
export async function measureExports(
  postgres: EmbeddedPostgres,
  log: (line: string) => void,
): Promise<ExportMemory[]> {
  const url = await postgres.createDatabase('exported');
  await fill(url, EXPORTED_JOBS, () => undefined);
  const server = await startConsole(url);
  const exports: ExportMemory[] = [];
  try {
    await fetchConsole(`${server.origin}/jobs`).then((answer) => answer.text());
    for (const format of ['csv', 'ndjson']) exports.push(await measureExport(server, format));
  } finally {
    await server.stop();
  }
  for (const { format, memoryMb, missed } of exports)
    log(
      `${missed.length > 0 ? 'MISSED ' : ''}export of ${EXPORTED_JOBS} jobs, ${format}: +${memoryMb ?? '?'} MB`,
    );
  return exports;
}

async function measureExport(
  server: { origin: string; pid: number },
  format: string,
): Promise<ExportMemory> {
  const memory = watchMemory(server.pid);
  const initial = memory.peak();
  const started = performance.now();
  const answer = await fetchConsole(`${server.origin}/api/jobs/export?format=${format}`);
  let bytes = 0;
  const reader = answer.body?.getReader();
  for (;;) {
    const chunk = await reader?.read();
    if (!chunk?.value) break;
    bytes += chunk.value.length;
  }
  memory.stop();
  const peak = memory.peak();
  const memoryMb = peak === null || initial === null ? null : Math.round(peak - initial);
  return {
    format,
    megabytes: bytes / 1e6,
    seconds: (performance.now() - started) / 1_000,
    memoryMb,
    missed: [
      ...(answer.status === 200 ? [] : [`status ${answer.status}`]),
      ...((memoryMb ?? 0) > TARGETS.exportMemoryMb ? [`${memoryMb} MB more memory`] : []),
    ],
  };
}

export const exportTable = (exports: readonly ExportMemory[]): string[] => [
  `| export of ${EXPORTED_JOBS} ordinary jobs | MB | seconds | memory, MB | verdict |`,
  '|:-|-:|-:|-:|:-|',
  ...exports.map(
    ({ format, megabytes, seconds, memoryMb, missed }) =>
      `| ${format} | ${megabytes.toFixed(1)} | ${seconds.toFixed(1)} ` +
      `| ${memoryMb === null ? '?' : `+${memoryMb}`} ` +
      `| ${missed.length === 0 ? 'ok' : 'missed'} |`,
  ),
];
