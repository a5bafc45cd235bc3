import { mkdir, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { Case, Target } from './cases';
import type { Result } from './measure';

const ms = (value: number) => value.toFixed(value < 10 ? 1 : 0);

/** A Markdown table with aligned columns. */
function table(results: Result[]): string {
  const rows = [
    ['page', 'requests', 'p50 ms', 'p95 ms', 'SQL p50 ms', 'SQL p95 ms', 'kB'],
    ...results.map((r) => [
      r.name,
      String(r.requests),
      ms(r.p50_ms),
      ms(r.p95_ms),
      ms(r.sql_p50_ms),
      ms(r.sql_p95_ms),
      (r.bytes / 1000).toFixed(0),
    ]),
  ];
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => (row[column] ?? '').length)),
  );
  const line = (row: string[]) => {
    const cells = row.map((cell, column) => {
      const width = widths[column] ?? 0;
      return column === 0 ? cell.padEnd(width) : cell.padStart(width);
    });
    return `| ${cells.join(' | ')} |`;
  };
  const rules = widths.map((width, column) => {
    const dashes = '-'.repeat(width + 1);
    return column === 0 ? `:${dashes}` : `${dashes}:`;
  });
  const rule = `|${rules.join('|')}|`;
  return [line(rows[0] ?? []), rule, ...rows.slice(1).map(line)].join('\n');
}

interface Verdict {
  ok: boolean;
  text: string;
}

function checkTarget(result: Result, target: Target, results: Result[]): Verdict | null {
  const atMost = (metric: string, value: number, limit: number, rule: string): Verdict => {
    const limitText = rule === `${limit} ms` ? '' : ` = ${ms(limit)} ms`;
    return {
      ok: value <= limit,
      text: `${result.name}: ${metric} ${ms(value)} ms, target ${rule}${limitText}`,
    };
  };
  if ('p50AtMost' in target)
    return atMost('p50', result.p50_ms, target.p50AtMost, `${target.p50AtMost} ms`);
  if ('p95AtMost' in target)
    return atMost('p95', result.p95_ms, target.p95AtMost, `${target.p95AtMost} ms`);
  if ('p95OverSql' in target)
    return atMost(
      'p95',
      result.p95_ms,
      result.sql_p95_ms + target.p95OverSql,
      `the SQL alone + ${target.p95OverSql}`,
    );
  const other = results.find(({ name }) => name === target.p95Over);
  return other
    ? atMost('p95', result.p95_ms, other.p95_ms + target.by, `"${other.name}" + ${target.by}`)
    : null;
}

export function checkTargets(cases: Case[], results: Result[]): Verdict[] {
  return cases.flatMap(({ name: caseName, targets }) => {
    const result = results.find(({ name }) => name === caseName);
    return result ? targets.flatMap((target) => checkTarget(result, target, results) ?? []) : [];
  });
}

interface Report {
  results: Result[];
  verdicts: Verdict[];
  /** Facts about the database and the data of the cases, one line each. */
  notes: string[];
  skipped: string[];
}

export function describeMachine(): string {
  const cpus = os.cpus();
  const load = os.loadavg().map((n) => n.toFixed(1));
  return [
    `${cpus.length} cores (${cpus[0]?.model.trim() ?? 'unknown'})`,
    `${Math.round(os.totalmem() / 2 ** 30)} GB`,
    `Node ${process.versions.node}`,
    `load ${load.join(' ')}`,
  ].join(', ');
}

/** Returns the end of a report: the missed targets, one per line. */
export const describeMissed = (missedTargets: string[]): string =>
  missedTargets.length === 0
    ? 'All targets met.'
    : `Missed:\n${missedTargets.map((line) => `- ${line}`).join('\n')}`;

/** Writes results.json and results.md and returns the text for the terminal. */
export async function writeReport(
  folder: string,
  { results, verdicts, notes, skipped }: Report,
): Promise<string> {
  const missed = verdicts.filter(({ ok }) => !ok);
  const text = [
    table(results),
    '',
    `${verdicts.length - missed.length} of ${verdicts.length} targets met.${missed.length > 0 ? ' Missed:' : ''}`,
    ...missed.map((verdict) => `- ${verdict.text}`),
    ...(skipped.length > 0
      ? ['', 'Skipped, because data is missing:', ...skipped.map((line) => `- ${line}`)]
      : []),
  ].join('\n');
  const head = [
    '# Bench',
    '',
    'One client sends sequential requests over one connection; times include the last byte of the ' +
      'response. The SQL columns are the same queries alone, run by another process between the ' +
      'requests. Sizes are before compression.',
    '',
    ...notes.map((line) => `- ${line}`),
    '',
  ].join('\n');
  await mkdir(folder, { recursive: true });
  await writeFile(
    path.join(folder, 'results.json'),
    `[\n${results.map((result) => `  ${JSON.stringify(result)}`).join(',\n')}\n]\n`,
  );
  await writeFile(path.join(folder, 'results.md'), `${head}\n${text}\n`);
  return text;
}
