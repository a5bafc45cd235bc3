import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { coreTexts } from '../../../test/hostile/texts';
import { type EmbeddedPostgres, startPostgres } from '../../../test/postgres/postgres';
import { cloneDatabase, openWritingContext, withClient } from '../database';
import { fill } from '../fill';
import { fillAudit } from '../fill-audit';
import { actionsFor } from './acts';
import { type RowGroup, TextRotation, columnGroups, sampleGroups } from './columns';
import { type ExportMemory, measureExports } from './export-memory';
import { type GrowthResult, measureGrowth } from './growth';
import { type GroupOptions, type GroupResult, measureGroup } from './measure-group';
import { pagesOf } from './pages';
import type { MeasuredRows } from './plant';
import { missedLines, robustnessText, writeRobustness } from './report';

/*
 * `npm run bench -- --hostile` checks whether any text in any column can block the server: first
 * every reader of job data in a worker, then every page of a production server with hostile rows.
 */

const ORDINARY_JOBS = 3_000;
const DOCUMENT = path.resolve('docs', 'robustness.md');

interface HostileOptions {
  quick: boolean;
  /**
   * Measures only readers, row groups, pages and actions with a matching name, and does not write
   * the document.
   */
  only: string | null;
}

/** Measures, writes docs/robustness.md, and returns whether all targets are met. */
export async function benchHostile(
  { quick, only }: HostileOptions,
  log: (line: string) => void,
): Promise<boolean> {
  const pattern = only === null ? null : new RegExp(only, 'i');
  log('Readers of job data, each in a worker:');
  const growth = await measureGrowth({ quick, only: pattern }, log);
  const groups = await measureGroups(growth, quick, pattern, log);
  const exports =
    pattern && !pattern.test('export of 30,000 jobs') ? [] : await measureExportMemory(log);
  const results = { rows: growth.rows, groups, exports };
  const text = robustnessText(results, quick ? 'quick' : 'full');
  log(`\n${text}`);
  if (pattern === null) await writeRobustness(DOCUMENT, text);
  return missedLines(results).length === 0;
}

async function measureExportMemory(log: (line: string) => void): Promise<ExportMemory[]> {
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
  const rowGroups = selectGroups(growth, quick, only);
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
      // Each group gets a new database without the rows of others.
      database: () => cloneDatabase(server, 'hostile'),
      openCtx: (url) => openWritingContext(url, 3),
      // A group selected by name is measured on every page.
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
      const startedAt = performance.now();
      const result = await measureGroup(group, baseline, options);
      results.push(result);
      const worst = Math.max(0, ...result.times.map(({ ms }) => ms));
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(0);
      log(
        `${result.missed.length > 0 ? 'MISSED ' : ''}${group.name}: ` +
          `${result.times.length} requests, worst ${Math.round(worst)} ms, ` +
          `+${result.memoryMb ?? '?'} MB (${seconds} s)`,
      );
    }
    return results;
  } finally {
    await server.stop();
  }
}

/** With `quick` all columns are combined in a few groups. */
function selectGroups(growth: GrowthResult, quick: boolean, only: RegExp | null): RowGroup[] {
  const rotation = new TextRotation(growth.worstTexts, coreTexts());
  const columns = columnGroups(rotation);
  const samples = sampleGroups();
  const all = quick
    ? [combine('all columns', columns), ...selectSamples(samples)]
    : [...columns, ...samples];
  if (!only) return all;
  const matches = all.filter(({ name }) => only.test(name));
  if (matches.length > 0) return matches;
  return pageNames().some((name) => only.test(name)) ? all : [];
}

/** The names of all requests per group. */
function pageNames(): string[] {
  const id = randomUUID();
  const byState = { discarded: [id, id], queued: [id], scheduled: [id], succeeded: [id] };
  const subject: MeasuredRows = {
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
  return [...pagesOf(subject), ...actionsFor(subject)].map(({ name }) => name).concat('act: bulk');
}

/**
 * Representative samples separately (many large errors, one huge value, structure), others
 * combined.
 */
function selectSamples(samples: RowGroup[]): RowGroup[] {
  const first = samples.filter(({ name }) => /^60 jobs|40 MB|just below/.test(name));
  const rest = samples.filter((sample) => !first.includes(sample));
  return [combine('the other samples', rest), ...first];
}

/** Combines groups: inserts the rows of all of them and measures the first job of each. */
function combine(name: string, groups: RowGroup[]): RowGroup {
  return {
    name,
    plant: async (client) => {
      const subjects: MeasuredRows[] = [];
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
  log(`${ORDINARY_JOBS} ordinary jobs, batches, processes, cron entries and audit records created`);
}
