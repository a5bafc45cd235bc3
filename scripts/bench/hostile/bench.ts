import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { type EmbeddedPostgres, startPostgres } from '../../../test/harness/postgres';
import { coreTexts } from '../../../test/hostile/texts';
import { cloneDatabase, openWritingContext, withClient } from '../database';
import { fill } from '../fill';
import { fillAudit } from '../fill-audit';
import { actsOf } from './acts';
import { type RowGroup, TextRotation, columnGroups, sampleGroups } from './columns';
import { type ExportMemory, measureExports } from './export-memory';
import { type GrowthResult, measureGrowth } from './growth';
import { type GroupOptions, type GroupResult, measureGroup } from './measure-group';
import { pagesOf } from './pages';
import type { Subject } from './plant';
import { missedLines, robustnessText, writeRobustness } from './report';

/*
 * npm run bench -- --hostile: whether any text of a job, in any column, can stop the server. First every reader of job
 * data alone in a worker, then every page of a production server beside rows that hold the worst texts.
 */

const ORDINARY_JOBS = 3_000;
const DOCUMENT = path.resolve('docs', 'robustness.md');

export interface HostileOptions {
  quick: boolean;
  /** Matches readers, groups of rows, pages and acts by name; then the document stays as it is. */
  only: string | null;
}

/** Runs all of it, writes docs/robustness.md; whether the targets are met. */
export async function benchHostile(
  { quick, only }: HostileOptions,
  log: (line: string) => void,
): Promise<boolean> {
  const pattern = only === null ? null : new RegExp(only, 'i');
  log('Readers of job data, each alone in a worker:');
  const growth = await measureGrowth({ quick, only: pattern }, log);
  const groups = await measureGroups(growth, quick, pattern, log);
  const exports = pattern && !pattern.test('export of 30,000 jobs') ? [] : await exportMemory(log);
  const results = { rows: growth.rows, groups, exports };
  const text = robustnessText(results, quick ? 'quick' : 'full');
  log(`\n${text}`);
  if (pattern === null) await writeRobustness(DOCUMENT, text);
  return missedLines(results).length === 0;
}

async function exportMemory(log: (line: string) => void): Promise<ExportMemory[]> {
  const postgres = await startPostgres({ settings: { fsync: 'off', synchronous_commit: 'off' } });
  try {
    return await measureExports(postgres, log);
  } finally {
    await postgres.stop();
  }
}

async function measureGroups(
  growth: GrowthResult,
  quick: boolean,
  only: RegExp | null,
  log: (line: string) => void,
): Promise<GroupResult[]> {
  const rowGroups = groupsOf(growth, quick, only);
  if (rowGroups.length === 0) return [];
  const server = await startPostgres({
    settings: {
      fsync: 'off',
      synchronous_commit: 'off',
      full_page_writes: 'off',
      shared_buffers: '512MB',
      max_wal_size: '2GB',
      shared_preload_libraries: 'pg_stat_statements',
      'pg_stat_statements.track_utility': 'off',
    },
  });
  try {
    await fillOrdinary(server, log);
    const isGroup = rowGroups.some(({ name }) => only?.test(name));
    const options: GroupOptions = {
      // Of its own for each group, so that no rows of another are left.
      database: () => cloneDatabase(server, 'hostile'),
      openCtx: (url) => openWritingContext(url, 3),
      // A group that was named is measured on every page.
      only: isGroup ? null : only,
      log,
    };
    log('Pages with ordinary rows:');
    const ordinary = await measureGroup(null, new Map(), options);
    const baseline = new Map<string, number>();
    for (const { page, loopMs } of ordinary.times)
      baseline.set(page, Math.max(baseline.get(page) ?? 0, loopMs));
    const results = [ordinary];
    for (const group of rowGroups) {
      const started = performance.now();
      const result = await measureGroup(group, baseline, options);
      results.push(result);
      const worst = Math.max(0, ...result.times.map(({ ms }) => ms));
      log(
        `${result.missed.length > 0 ? 'MISSED ' : ''}${group.name}: ${result.times.length} requests, worst ${Math.round(worst)} ms, +${result.memoryMb ?? '?'} MB (${((performance.now() - started) / 1000).toFixed(0)} s)`,
      );
    }
    return results;
  } finally {
    await server.stop();
  }
}

/** `quick`: the columns in a few groups that together plant all of them. */
function groupsOf(growth: GrowthResult, quick: boolean, only: RegExp | null): RowGroup[] {
  const rotation = new TextRotation(growth.worstTexts, coreTexts());
  const columns = columnGroups(rotation);
  const samples = sampleGroups();
  const all = quick
    ? [together('all columns', columns), ...pick(samples)]
    : [...columns, ...samples];
  if (!only) return all;
  const named = all.filter(({ name }) => only.test(name));
  if (named.length > 0) return named;
  return pageNames().some((name) => only.test(name)) ? all : [];
}

/** Everything that is requested beside each group. */
function pageNames(): string[] {
  const id = randomUUID();
  const byState = { discarded: [id, id], queued: [id], scheduled: [id], succeeded: [id] };
  const subject: Subject = {
    name: '',
    jobs: [id],
    batch: id,
    executions: [id],
    process: id,
    cronKey: 'key',
    jobClass: 'Job',
    queue: 'queue',
    byState: { ...byState, retried: [], running: [] },
    texts: [],
  };
  return [...pagesOf(subject), ...actsOf(subject)].map(({ name }) => name).concat('act: bulk');
}

/** The samples of which each stands for others: many large errors, much JSON, one huge value, and structure. */
function pick(samples: RowGroup[]): RowGroup[] {
  const first = samples.filter(({ name }) => /^60 jobs|40 MB|just below/.test(name));
  const rest = samples.filter((sample) => !first.includes(sample));
  return [together('the other samples', rest), ...first];
}

/** The rows of all of them in one database; the pages of the last one's rows. */
function together(name: string, groups: RowGroup[]): RowGroup {
  return {
    name,
    plant: async (client) => {
      const subjects: Subject[] = [];
      for (const group of groups) subjects.push(await group.plant(client));
      const [first] = subjects;
      if (!first) throw new Error(`${name} has no rows.`);
      const from = <K extends 'process' | 'cronKey' | 'jobClass' | 'queue'>(key: K) =>
        subjects.find((subject) => subject[key] !== null)?.[key] ?? null;
      return {
        ...first,
        name,
        jobs: subjects.flatMap(({ jobs }) => jobs.slice(0, 1)),
        executions: subjects.flatMap(({ executions }) => executions.slice(0, 1)),
        process: from('process'),
        cronKey: from('cronKey'),
        jobClass: from('jobClass'),
        queue: from('queue'),
        texts: subjects.flatMap(({ texts }) => texts),
      };
    },
  };
}

async function fillOrdinary(server: EmbeddedPostgres, log: (line: string) => void): Promise<void> {
  const url = await server.createDatabase('filled');
  await fill(url, ORDINARY_JOBS, () => undefined);
  await fillAudit(url, ORDINARY_JOBS, () => undefined);
  await withClient(url, (client) =>
    client.query('CREATE EXTENSION IF NOT EXISTS pg_stat_statements; ANALYZE'),
  );
  log(`${ORDINARY_JOBS} ordinary jobs, batches, workers, cron entries and audit records made`);
}
