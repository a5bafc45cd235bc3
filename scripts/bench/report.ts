import { mkdir, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import type { Case, Target } from './cases';
import type { Result } from './measure';

const ms = (value: number) => value.toFixed(value < 10 ? 1 : 0);

/** Plain text, columns aligned; Markdown with bars is the same to a reader. */
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
  const line = (row: string[]) =>
    `| ${row.map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))).join(' | ')} |`;
  const rule = `|${widths.map((width, column) => `${column === 0 ? ':' : ''}${'-'.repeat(width + 1)}${column === 0 ? '' : ':'}`).join('|')}|`;
  return [line(rows[0] ?? []), rule, ...rows.slice(1).map(line)].join('\n');
}

interface Verdict {
  ok: boolean;
  text: string;
}

function judge(result: Result, target: Target, results: Result[]): Verdict | null {
  const atMost = (what: string, measured: number, limit: number, how: string): Verdict => ({
    ok: measured <= limit,
    text: `${result.name}: ${what} ${ms(measured)} ms, target ${how}${how === `${limit} ms` ? '' : ` = ${ms(limit)} ms`}`,
  });
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

export function judgeAll(cases: Case[], results: Result[]): Verdict[] {
  return cases.flatMap((one) => {
    const result = results.find(({ name }) => name === one.name);
    return result ? one.targets.flatMap((target) => judge(result, target, results) ?? []) : [];
  });
}

export interface Report {
  results: Result[];
  verdicts: Verdict[];
  /** The database and what the cases are about, one line each. */
  about: string[];
  skipped: string[];
}

export function machine(): string {
  const cpus = os.cpus();
  return `${cpus.length} cores (${cpus[0]?.model.trim() ?? 'unknown'}), ${Math.round(os.totalmem() / 2 ** 30)} GB, Node ${process.versions.node}, load ${os
    .loadavg()
    .map((n) => n.toFixed(1))
    .join(' ')}`;
}

/** Writes results.json and results.md; returns the text for the terminal. */
export async function writeReport(
  folder: string,
  { results, verdicts, about, skipped }: Report,
): Promise<string> {
  const missed = verdicts.filter(({ ok }) => !ok);
  const text = [
    table(results),
    '',
    `${verdicts.length - missed.length} of ${verdicts.length} targets met.${missed.length > 0 ? ' Missed:' : ''}`,
    ...missed.map((verdict) => `- ${verdict.text}`),
    ...(skipped.length > 0
      ? ['', 'Skipped, for want of data:', ...skipped.map((line) => `- ${line}`)]
      : []),
  ].join('\n');
  const head = [
    '# Bench',
    '',
    'One client, one request after another over one connection, to the last byte of the answer; beside it the same queries alone, from another process, in turn with the requests. Sizes are before compression.',
    '',
    ...about.map((line) => `- ${line}`),
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
