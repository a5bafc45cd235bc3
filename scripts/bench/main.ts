import { totalmem } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import pg from 'pg';
import { readEnv } from '../../lib/config/environment';
import { detectConsoleSchema } from '../../lib/console-schema/setup';
import { contextFor, type Ctx } from '../../lib/context/request-context';
import { connectionConfig } from '../../lib/db/connection';
import { type Database, openDatabase } from '../../lib/db/database';
import { GoodJobTables, detectSchema } from '../../lib/good-job/tables';
import { startPostgres } from '../../test/postgres/postgres';
import { benchBulk } from './bulk';
import { GROUPS, type Group } from './cases';
import { compare } from './compare';
import { explain } from './explain';
import { fill } from './fill';
import { fillAudit } from './fill-audit';
import { benchHostile } from './hostile/bench';
import { HttpClient, measure } from './measure';
import { benchPolling } from './polling';
import { checkTargets, describeMachine, writeReport } from './report';
import { startConsole } from './server';
import { benchStatements } from './statements';

const USAGE = `npm run bench: times the pages of the production server and their SQL alone.
  --jobs N       jobs in the scratch database (default 1000000), cached in .cache/bench-N for the next run
  --keep         reads the database of DATABASE_URL instead; changes nothing
  --only GROUPS  e.g. batch; default: all groups. bulk, polling and statements have their own
                 databases in .cache/bench-bulk, .cache/bench-polling and .cache/bench-statements
  --requests N   requests per case (default 100)
  --against DIR  times another checkout of the console in turn with this one on the same data, and
                 exits 1 if a page of this one is slower by more than 3 ms and 10 %; writes nothing
  --explain      saves the query plans to bench/plans; fails on a sequential scan of a large table
  --check        exits 1 if a target is missed
  --hostile      measures hostile texts and rows instead (scripts/bench/hostile), writes
                 docs/robustness.md and exits 1 if a target is missed. --quick: a sample in 4 minutes.
                 --only PATTERN: readers, rows, pages and actions by name; writes nothing
  --help         prints this`;

/** Benches with their own databases and reports. */
const SEPARATE_BENCHES: Record<string, typeof benchBulk> = {
  bulk: benchBulk,
  polling: benchPolling,
  statements: benchStatements,
};

const flags = readFlags();

function readFlags() {
  try {
    return parseArgs({
      options: {
        jobs: { type: 'string', default: '1000000' },
        requests: { type: 'string', default: '100' },
        only: { type: 'string' },
        hostile: { type: 'boolean', default: false },
        quick: { type: 'boolean', default: false },
        keep: { type: 'boolean', default: false },
        against: { type: 'string' },
        explain: { type: 'boolean', default: false },
        check: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values;
  } catch (error) {
    // Only the first sentence of Node's message; its advice does not fit our options.
    const [reason = ''] = (error instanceof Error ? error.message : '').split(/\.(?:\s|$)|\n/);
    return fail(`${reason}; "npm run bench -- --help" lists the options.`);
  }
}

/** Production settings: a quarter of the memory, as the PostgreSQL manual recommends. */
const SETTINGS = {
  shared_buffers: `${Math.round(Math.min(totalmem() / 4, 4 * 2 ** 30) / 2 ** 20)}MB`,
  max_wal_size: '4GB',
  synchronous_commit: 'off',
};
const BENCH = path.resolve('bench');

const log = (line: string): void => console.log(line);

function fail(sentence: string): never {
  console.error(sentence);
  process.exit(1);
}

function wholeNumber(name: 'jobs' | 'requests', low: number, high: number): number {
  const value = Number(flags[name]);
  if (!Number.isInteger(value) || value < low || value > high)
    fail(`--${name} must be a whole number from ${low} to ${high}.`);
  return value;
}

async function scratchDatabase(jobs: number): Promise<{ url: string; stop: () => Promise<void> }> {
  const server = await startPostgres({
    dataDir: path.join('.cache', `bench-${jobs}`, 'postgres'),
    settings: SETTINGS,
  });
  try {
    await fill(server.url, jobs, log);
    await fillAudit(server.url, jobs, log);
  } catch (error) {
    await server.stop();
    throw error;
  }
  return server;
}

async function openCtx(db: Database): Promise<Ctx> {
  const env = readEnv({ ...process.env, DATABASE_URL: process.env.DATABASE_URL || 'postgres://' });
  const schema = await db.read((tx) => detectSchema(tx, env.databaseSchema));
  if (schema.problem) fail(`The database cannot be used: ${schema.problem}.`);
  const tables = new GoodJobTables(schema, {
    appName: null,
    locale: env.appLocale,
    timeZone: env.appTimeZone,
    dequeueQuerySort: env.dequeueQuerySort,
  });
  return contextFor({
    viewer: { id: 'bench', role: 'admin' },
    db,
    tables,
    ...(await db.read(detectConsoleSchema)),
    requestId: 'bench',
    readOnly: true,
  });
}

async function findGroups(url: string, ctx: Ctx, names: string[]): Promise<Group> {
  const client = new pg.Client(await connectionConfig(url, process.env.DATABASE_CA_FILE || null));
  await client.connect();
  try {
    await client.query(`SET TIME ZONE 'UTC'; SET default_transaction_read_only = on`);
    const groups: Group[] = [];
    for (const name of names) {
      const group = GROUPS[name];
      if (group) groups.push(await group(client, ctx.tables));
    }
    return {
      cases: groups.flatMap((group) => group.cases),
      writes: groups.flatMap((group) => group.writes),
      notes: groups.flatMap((group) => group.notes),
      skipped: groups.flatMap((group) => group.skipped),
    };
  } finally {
    await client.end();
  }
}

async function bench(url: string, names: string[], requests: number): Promise<boolean> {
  // The queries in this process read the same configuration as the server.
  process.env.DATABASE_URL = url;
  const db = openDatabase({
    url,
    caFile: process.env.DATABASE_CA_FILE || null,
    poolSize: 5,
    applicationName: 'good_job_console_bench',
  });
  try {
    const ctx = await openCtx(db);
    const { cases, writes, notes, skipped } = await findGroups(url, ctx, names);
    if (cases.length === 0) fail(`This database has no data to measure: ${skipped.join('; ')}.`);
    if (flags.against !== undefined) return await compare(url, flags.against, cases, requests, log);
    const scans = flags.explain
      ? await explain(cases, flags.keep ? [] : writes, ctx, db, path.join(BENCH, 'plans'))
      : [];
    const server = await startConsole(url);
    const client = new HttpClient(server.origin);
    try {
      const results = await measure(cases, client, ctx, requests, log);
      const verdicts = [
        ...checkTargets(cases, results),
        ...scans.map((text) => ({ ok: false, text })),
      ];
      const settings = Object.entries(SETTINGS).map(([name, value]) => `, ${name} ${value}`);
      const version = `PostgreSQL ${ctx.tables.schema.serverVersion}`;
      const facts = [version + (flags.keep ? '' : settings.join('')), describeMachine(), ...notes];
      const report = await writeReport(BENCH, { results, verdicts, notes: facts, skipped });
      log(`\n${facts.join('\n')}\n\n${report}`);
      return scans.length === 0 && (!flags.check || verdicts.every(({ ok }) => ok));
    } finally {
      client.close();
      await server.stop();
    }
  } finally {
    await db.close();
  }
}

async function main(): Promise<void> {
  if (flags.help) return log(USAGE);
  if (flags.hostile) {
    if (!(await benchHostile({ quick: flags.quick, only: flags.only ?? null }, log)))
      process.exitCode = 1;
    return;
  }
  const names = flags.only?.split(',').map((name) => name.trim()) ?? [
    ...Object.keys(GROUPS),
    ...Object.keys(SEPARATE_BENCHES),
  ];
  const unknown = names.find((name) => !GROUPS[name] && !SEPARATE_BENCHES[name]);
  if (unknown !== undefined) {
    const choices = [...Object.keys(GROUPS), ...Object.keys(SEPARATE_BENCHES)].join(', ');
    fail(`--only ${unknown} is unknown; choose from ${choices}.`);
  }
  const jobs = wholeNumber('jobs', 1_000, 100_000_000);
  const requests = wholeNumber('requests', 5, 100_000);
  if (flags.keep && !process.env.DATABASE_URL) fail('--keep needs DATABASE_URL.');
  if (flags.keep && names.every((name) => SEPARATE_BENCHES[name]))
    fail(
      `--keep only reads the database of DATABASE_URL, but ${names.join(', ')} writes to its own.`,
    );
  for (const name of flags.keep || flags.against !== undefined ? [] : names) {
    const separateBench = SEPARATE_BENCHES[name];
    if (separateBench && !(await separateBench(SETTINGS, BENCH, log)) && flags.check)
      process.exitCode = 1;
  }
  const pages = names.filter((name) => GROUPS[name]);
  if (pages.length === 0) return;
  const database = flags.keep
    ? { url: process.env.DATABASE_URL ?? '', stop: async () => undefined }
    : await scratchDatabase(jobs);
  try {
    if (!(await bench(database.url, pages, requests))) process.exitCode = 1;
  } finally {
    await database.stop();
  }
}

main().catch((error: unknown) => {
  const cause =
    error instanceof Error && error.cause instanceof Error ? ` (${error.cause.message})` : '';
  console.error(error instanceof Error ? `${error.message}${cause}` : error);
  process.exitCode = 1;
});
