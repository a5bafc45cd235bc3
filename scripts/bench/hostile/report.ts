import { readFile, writeFile } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import { type ExportMemory, exportTable } from './export-memory';
import type { GrowthRow } from './growth';
import { type GroupResult, TARGETS } from './measure-group';

/** Everything between these lines of docs/robustness.md is written by the bench. */
const BEGIN = '<!-- bench: begin -->';
const END = '<!-- bench: end -->';

const cell = (text: string) =>
  text.replaceAll('|', '\\|').replaceAll('`', "'").replaceAll(/\s+/g, ' ').slice(0, 60);
const code = (text: string) => (text === '' ? '' : `\`${cell(text)}\``);
const ms = (value: number) => (value < 10 ? value.toFixed(1) : String(Math.round(value)));

function readerTable(rows: GrowthRow[]): string[] {
  return [
    '| reader | texts | worst text | n | t(n/2), ms | t(n), ms | growth | verdict |',
    '|:-|-:|:-|-:|-:|-:|-:|:-|',
    ...rows.map(
      (row) =>
        `| ${row.reader} | ${row.texts} | ${code(row.worst)} | ${row.length} | ${ms(row.halfMs)} | ${ms(row.ms)} | ${row.growth === 0 ? '-' : row.growth.toFixed(2)} | ${row.missed.length === 0 ? 'ok' : 'missed'} |`,
    ),
  ];
}

const worstBy = <T>(list: T[], value: (one: T) => number): T | undefined =>
  [...list].sort((a, b) => value(b) - value(a))[0];

function groupTable(results: GroupResult[]): string[] {
  return [
    '| rows | requests | slowest | ms | longest wait of `/healthz` | ms | memory, MB | idle in transaction, ms | most statements | verdict |',
    '|:-|-:|:-|-:|:-|-:|-:|-:|-:|:-|',
    ...results.map(({ name, times, memoryMb, idleInTransactionMs, missed }) => {
      const slowest = worstBy(times, (time) => time.ms);
      const longest = worstBy(times, (time) => time.loopMs);
      const statements = Math.max(0, ...times.map((time) => time.statements));
      return `| ${cell(name)} | ${times.length} | ${cell(slowest?.page ?? '-')} | ${ms(slowest?.ms ?? 0)} | ${cell(longest?.page ?? '-')} | ${ms(longest?.loopMs ?? 0)} | ${memoryMb === null ? '?' : `+${Math.max(0, memoryMb)}`} | ${ms(idleInTransactionMs)} | ${statements} | ${missed.length === 0 ? 'ok' : 'missed'} |`;
    }),
  ];
}

/** Everything that the bench measured. */
export interface HostileResults {
  rows: GrowthRow[];
  groups: GroupResult[];
  exports: ExportMemory[];
}

/** Every target that was missed, one line each. */
export function missedLines({ rows, groups, exports }: HostileResults): string[] {
  return [
    ...rows.flatMap(({ reader, missed }) => missed.map((what) => `${reader}: ${what}`)),
    ...groups.flatMap(({ name, missed }) => missed.map((what) => `${name}: ${what}`)),
    ...exports.flatMap(({ format, missed }) => missed.map((what) => `export, ${format}: ${what}`)),
  ];
}

/** The part of docs/robustness.md that the bench writes. */
export function robustnessText(results: HostileResults, mode: 'full' | 'quick'): string {
  const { rows, groups, exports } = results;
  const missed = missedLines(results);
  return [
    `Measured with \`npm run bench -- --hostile${mode === 'quick' ? ' --quick' : ''}\` on ${availableParallelism()} cores and ${Math.round(totalmem() / 2 ** 30)} GB of memory, Node ${process.versions.node.split('.')[0]}.`,
    '',
    '### Readers of job data',
    '',
    'Each line is the worst of the texts that the reader was given, or one that misses the target. `n` is the length in characters; growth is t(n)/t(n/2), the median of five.',
    '',
    ...readerTable(rows),
    '',
    '### Pages beside hostile rows',
    '',
    `Each line is one server with these rows among ordinary ones. Targets: ${TARGETS.answerMs} ms an answer (an export: its first byte), the event loop at most ${TARGETS.loopMs} ms longer busy than on the same page with ordinary rows, less than ${TARGETS.memoryMb} MB more memory, at most ${TARGETS.idleInTransactionMs} ms in which a transaction waits for JavaScript, no status from 500.`,
    '',
    ...groupTable(groups),
    '',
    '### Exports',
    '',
    `From a server that has just started. Target: at most ${TARGETS.exportMemoryMb} MB more memory.`,
    '',
    ...exportTable(exports),
    '',
    missed.length === 0
      ? 'All targets met.'
      : `Missed:\n\n${missed.map((line) => `- ${line.replaceAll(/\s+/g, ' ')}`).join('\n')}`,
  ].join('\n');
}

/** Replaces what the bench wrote before. Throws if the file has lost its marks. */
export async function writeRobustness(file: string, text: string): Promise<void> {
  const all = await readFile(file, 'utf8');
  const from = all.indexOf(BEGIN);
  const to = all.indexOf(END);
  if (from < 0 || to < from) throw new Error(`${file} has lost its lines ${BEGIN} and ${END}.`);
  await writeFile(file, `${all.slice(0, from + BEGIN.length)}\n\n${text}\n\n${all.slice(to)}`);
}
