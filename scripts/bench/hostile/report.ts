import { readFile, writeFile } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import { type ExportMemory, exportTable } from './export-memory';
import type { GrowthRow } from './growth';
import { type GroupResult, TARGETS } from './measure-group';

/** The bench replaces the text between these lines of docs/robustness.md. */
const BEGIN = '<!-- bench: begin -->';
const END = '<!-- bench: end -->';

const cell = (text: string) =>
  text.replaceAll('|', '\\|').replaceAll('`', "'").replaceAll(/\s+/g, ' ').slice(0, 60);
const code = (text: string) => (text === '' ? '' : `\`${cell(text)}\``);
const ms = (value: number) => (value < 10 ? value.toFixed(1) : String(Math.round(value)));

const verdict = (missed: string[]) => (missed.length === 0 ? 'ok' : 'missed');

function readerTable(rows: GrowthRow[]): string[] {
  return [
    '| reader | texts | worst text | n | t(n/2), ms | t(n), ms | growth | verdict |',
    '|:-|-:|:-|-:|-:|-:|-:|:-|',
    ...rows.map(
      (row) =>
        `| ${row.reader} | ${row.texts} | ${code(row.worst)} | ${row.length} ` +
        `| ${ms(row.halfMs)} | ${ms(row.ms)} ` +
        `| ${row.growth === 0 ? '-' : row.growth.toFixed(2)} | ${verdict(row.missed)} |`,
    ),
  ];
}

const worstBy = <T>(list: T[], value: (item: T) => number): T | undefined =>
  [...list].sort((a, b) => value(b) - value(a))[0];

function groupTable(results: GroupResult[]): string[] {
  return [
    '| rows | requests | slowest | ms | slowest `/healthz` | ms | memory, MB ' +
      '| idle in transaction, ms | most statements | verdict |',
    '|:-|-:|:-|-:|:-|-:|-:|-:|-:|:-|',
    ...results.map(({ name, times, memoryMb, idleInTransactionMs, missed }) => {
      const slowest = worstBy(times, (time) => time.ms);
      const longest = worstBy(times, (time) => time.loopMs);
      const statements = Math.max(0, ...times.map((time) => time.statements));
      const memory = memoryMb === null ? '?' : `+${Math.max(0, memoryMb)}`;
      return (
        `| ${cell(name)} | ${times.length} ` +
        `| ${cell(slowest?.page ?? '-')} | ${ms(slowest?.ms ?? 0)} ` +
        `| ${cell(longest?.page ?? '-')} | ${ms(longest?.loopMs ?? 0)} ` +
        `| ${memory} | ${ms(idleInTransactionMs)} | ${statements} | ${verdict(missed)} |`
      );
    }),
  ];
}

/** All results of the bench. */
interface HostileResults {
  rows: GrowthRow[];
  groups: GroupResult[];
  exports: ExportMemory[];
}

/** All missed targets, one line each. */
export function missedLines({ rows, groups, exports }: HostileResults): string[] {
  return [
    ...rows.flatMap(({ reader, missed }) => missed.map((line) => `${reader}: ${line}`)),
    ...groups.flatMap(({ name, missed }) => missed.map((line) => `${name}: ${line}`)),
    ...exports.flatMap(({ format, missed }) => missed.map((line) => `export, ${format}: ${line}`)),
  ];
}

/** The part of docs/robustness.md that the bench writes. */
export function robustnessText(results: HostileResults, mode: 'full' | 'quick'): string {
  const { rows, groups, exports } = results;
  const missed = missedLines(results);
  return [
    `Measured with \`npm run bench -- --hostile${mode === 'quick' ? ' --quick' : ''}\` ` +
      `on ${availableParallelism()} cores and ${Math.round(totalmem() / 2 ** 30)} GB of memory, ` +
      `Node ${process.versions.node.split('.')[0]}.`,
    '',
    '### Readers of job data',
    '',
    'Each line is the worst text of a reader, or one that misses the target. `n` is the length in ' +
      'characters; growth is t(n)/t(n/2), the median of five.',
    '',
    ...readerTable(rows),
    '',
    '### Pages with hostile rows',
    '',
    'Each line is one server with these rows among ordinary ones. ' +
      `Targets: ${TARGETS.answerMs} ms per response (an export: to the first byte), ` +
      `an event loop blocked at most ${TARGETS.loopMs} ms longer than on the same page with ` +
      `ordinary rows, less than ${TARGETS.memoryMb} MB more memory, ` +
      `at most ${TARGETS.idleInTransactionMs} ms idle in a transaction, ` +
      'no status of 500 or above.',
    '',
    ...groupTable(groups),
    '',
    '### Exports',
    '',
    `From a new server. Target: at most ${TARGETS.exportMemoryMb} MB more memory.`,
    '',
    ...exportTable(exports),
    '',
    missed.length === 0
      ? 'All targets met.'
      : `Missed:\n\n${missed.map((line) => `- ${line.replaceAll(/\s+/g, ' ')}`).join('\n')}`,
  ].join('\n');
}

/** Replaces the part of the bench in the file. Throws if the file lacks its markers. */
export async function writeRobustness(file: string, text: string): Promise<void> {
  const all = await readFile(file, 'utf8');
  const from = all.indexOf(BEGIN);
  const to = all.indexOf(END);
  if (from < 0 || to < from) throw new Error(`${file} lacks the lines ${BEGIN} and ${END}.`);
  await writeFile(file, `${all.slice(0, from + BEGIN.length)}\n\n${text}\n\n${all.slice(to)}`);
}
