import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import type { Ctx } from '../../../lib/context/types';
import { startConsole } from '../server';
import { actsOf, measureBulk } from './acts';
import {
  ANSWER_LIMIT_MS,
  type Answer,
  type ConsoleServer,
  HostileClient,
  watchMemory,
  withLoopDelay,
} from './client';
import type { RowGroup } from './columns';
import { type Page, pagesOf } from './pages';
import { type Subject, readNames } from './plant';

/** What is promised of every answer beside hostile rows. */
export const TARGETS = {
  answerMs: 1_000,
  /** Above the same page with ordinary rows. */
  loopMs: 100,
  memoryMb: 200,
  /** An export of EXPORTED_JOBS ordinary jobs. */
  exportMemoryMb: 64,
  idleInTransactionMs: 250,
};

/** One request beside the rows of a group. */
export interface PageTime {
  page: string;
  status: number | null;
  ms: number;
  loopMs: number;
  statements: number;
  missed: string[];
}

/** All requests beside the rows of a group. */
export interface GroupResult {
  name: string;
  texts: string[];
  times: PageTime[];
  /** MB above what the server had with ordinary rows; null where the system has no /proc. */
  memoryMb: number | null;
  idleInTransactionMs: number;
  /** Missed targets, each with its page. */
  missed: string[];
}

/** By page: the longest wait of /healthz with ordinary rows, milliseconds. */
export type Baseline = ReadonlyMap<string, number>;

export interface GroupOptions {
  /** Creates a database with ordinary rows only, and removes it. */
  database: () => Promise<{ url: string; drop: () => Promise<void> }>;
  /** Functions that have no page are called in this process. */
  openCtx: (url: string) => Promise<{ ctx: Ctx; close: () => Promise<void> }>;
  only: RegExp | null;
  log: (line: string) => void;
}

/** Whatever the server has cached of the ordinary rows is older than its TTL by then. */
const CACHE_MS = 11_000;
const SAMPLE_EVERY_MS = 25;
/** Pages of a group that are measured again when they miss by little. */
const MAX_AGAIN = 6;
const PROGRESS_EVERY = 40;
/** A group ends early when this many requests were not answered. */
const MAX_LOST = 2;
const RECOVERY_MS = 60_000;

/** The ordinary rows of a filled database, as a subject. */
export async function ordinarySubject(client: pg.Client): Promise<Subject> {
  const ids = async (where: string) =>
    (
      await client.query<{ id: string }>(
        `SELECT id FROM good_jobs WHERE ${where} AND batch_callback_id IS NULL ORDER BY created_at DESC LIMIT 6`,
      )
    ).rows.map(({ id }) => id);
  const { rows } = await client.query<
    Record<'batch' | 'cron' | 'process' | 'class' | 'queue', string>
  >(
    `SELECT (SELECT batch_id FROM good_jobs WHERE batch_id IS NOT NULL ORDER BY created_at DESC LIMIT 1) AS batch,
            (SELECT cron_key FROM good_jobs WHERE cron_key IS NOT NULL ORDER BY created_at DESC LIMIT 1) AS cron,
            (SELECT id FROM good_job_processes LIMIT 1) AS process,
            (SELECT job_class FROM good_jobs ORDER BY created_at DESC LIMIT 1) AS class,
            (SELECT queue_name FROM good_jobs ORDER BY created_at DESC LIMIT 1) AS queue`,
  );
  const jobs = await ids('error IS NOT NULL');
  const executions = await client.query<{ id: string }>(
    'SELECT DISTINCT ON (active_job_id) id FROM good_job_executions WHERE active_job_id = ANY($1::uuid[])',
    [jobs],
  );
  return {
    name: 'ordinary rows',
    jobs,
    batch: rows[0]?.batch ?? '',
    executions: executions.rows.map(({ id }) => id),
    process: rows[0]?.process ?? null,
    cronKey: rows[0]?.cron ?? null,
    jobClass: rows[0]?.class ?? null,
    queue: rows[0]?.queue ?? null,
    byState: {
      discarded: await ids('finished_at IS NOT NULL AND error IS NOT NULL'),
      queued: await ids('finished_at IS NULL AND performed_at IS NULL AND scheduled_at < now()'),
      scheduled: await ids('finished_at IS NULL AND scheduled_at > now()'),
      succeeded: await ids('finished_at IS NOT NULL AND error IS NULL'),
      retried: [],
      running: [],
    },
    texts: [],
  };
}

/** Starts a server of its own on ordinary rows, plants the group's rows, and measures every page, then every act. */
export async function measureGroup(
  group: RowGroup | null,
  baseline: Baseline,
  options: GroupOptions,
): Promise<GroupResult> {
  const database = await options.database();
  const sql = new pg.Client({ connectionString: database.url });
  await sql.connect();
  await sql.query(`SET TIME ZONE 'UTC'`);
  const watcher = new pg.Client({ connectionString: database.url });
  await watcher.connect();
  const server = await startConsole(database.url);
  const client = new HostileClient(server);
  try {
    const ordinary = await ordinarySubject(sql);
    for (const { path } of pagesOf(ordinary)) await client.get(path);
    const warmAt = performance.now();
    const subject = group ? await group.plant(sql) : ordinary;
    if (group) {
      await readNames(sql, subject);
      await sql.query('ANALYZE');
      await sleep(Math.max(0, CACHE_MS - (performance.now() - warmAt)));
    }
    const run = new GroupRun(server, client, sql, watcher, baseline, options);
    return await run.measure(group?.name ?? 'ordinary rows', subject, database.url);
  } finally {
    client.close();
    await server.stop();
    await sql.end();
    await watcher.end();
    await database.drop();
  }
}

class GroupRun {
  private readonly times: PageTime[] = [];
  private lost = 0;
  private again = 0;
  private acting = false;
  private idleMs = 0;

  constructor(
    private readonly server: ConsoleServer,
    private readonly client: HostileClient,
    private readonly sql: pg.Client,
    private readonly watcher: pg.Client,
    private readonly baseline: Baseline,
    private readonly options: GroupOptions,
  ) {}

  async measure(name: string, subject: Subject, url: string): Promise<GroupResult> {
    const { only, log } = this.options;
    const memory = watchMemory(this.server.pid);
    const before = memory.peak();
    const sampler = this.sampleIdleInTransaction();
    const missed: string[] = [];
    try {
      const isWanted = (page: string) => !only || only.test(page);
      for (const page of pagesOf(subject))
        if (isWanted(page.name) && this.answers())
          await this.measurePage(page.name, () => this.client.get(page.path), page);
      this.acting = true;
      for (const act of actsOf(subject))
        if (isWanted(act.name) && this.answers())
          await this.measurePage(act.name, () => act.run(this.client), { streams: act.streams });
      if (isWanted('act: bulk') && this.answers()) await this.measureBulk(url, subject.batch);
      this.acting = false;
      if (this.lost > MAX_LOST) missed.push('the server did not answer; the rest was not measured');
    } finally {
      await sampler();
      memory.stop();
    }
    const peak = memory.peak();
    const memoryMb = peak === null || before === null ? null : Math.round(peak - before);
    missed.push(
      ...this.times.flatMap((time) => time.missed.map((what) => `${time.page}: ${what}`)),
    );
    if (memoryMb !== null && memoryMb >= TARGETS.memoryMb)
      missed.push(`${memoryMb} MB more memory`);
    if (this.idleMs > TARGETS.idleInTransactionMs)
      missed.push(`${Math.round(this.idleMs)} ms idle in a transaction`);
    for (const line of missed) log(`  MISSED ${name}: ${line}`);
    return {
      name,
      texts: subject.texts,
      times: this.times,
      memoryMb,
      idleInTransactionMs: this.idleMs,
      missed,
    };
  }

  /** Whether it is worth asking: a server that has not answered for a minute will not. */
  private answers(): boolean {
    return this.lost <= MAX_LOST;
  }

  private async measurePage(
    name: string,
    send: () => Promise<Answer | null>,
    page: Partial<Page> = {},
  ): Promise<void> {
    let time = await this.once(name, send, page);
    // Others use this machine too: what misses by little is measured once more, with nothing cached.
    const isClose = time.status === 200 && time.ms < 2 * TARGETS.answerMs && time.loopMs < 500;
    if (time.missed.length > 0 && page.path !== undefined && isClose && this.again < MAX_AGAIN) {
      this.again += 1;
      await sleep(CACHE_MS);
      const again = await this.once(name, send, page);
      if (again.missed.length < time.missed.length) time = again;
    }
    this.times.push(time);
    if (this.times.length % PROGRESS_EVERY === 0)
      this.options.log(`  ${this.times.length} requests`);
    if (time.status === null) {
      this.lost += 1;
      if (!(await this.client.recovered(RECOVERY_MS))) this.lost = MAX_LOST + 1;
    }
  }

  private async once(
    name: string,
    send: () => Promise<Answer | null>,
    { streams }: Partial<Page>,
  ): Promise<PageTime> {
    const before = await this.statements();
    const { result, loopMs } = await withLoopDelay(this.client, send);
    const statements = (await this.statements()) - before;
    const ms = result === null ? 0 : streams ? result.firstByteMs : result.ms;
    const missed: string[] = [];
    const above = loopMs - (this.baseline.get(name) ?? 0);
    if (result === null) missed.push('there is no form for it');
    else if (result.status === null) missed.push(`no answer within ${ANSWER_LIMIT_MS / 1000} s`);
    else {
      if (result.status >= 500) missed.push(`status ${result.status}`);
      if (ms > TARGETS.answerMs) missed.push(`${Math.round(ms)} ms`);
    }
    if (this.baseline.size > 0 && above > TARGETS.loopMs)
      missed.push(`event loop ${Math.round(above)} ms longer than with ordinary rows`);
    return { page: name, status: result?.status ?? null, ms, loopMs, statements, missed };
  }

  private async measureBulk(url: string, batch: string): Promise<void> {
    const { ctx, close } = await this.options.openCtx(url);
    try {
      const { result, loopMs } = await withLoopDelay(this.client, () =>
        measureBulk(ctx, this.client, this.sql, batch),
      );
      const add = (page: string, ms: number, loop: number, limitMs: number) =>
        this.times.push({
          page,
          status: 200,
          ms,
          loopMs: loop,
          statements: 0,
          missed: [
            ...(ms > limitMs ? [`${Math.round(ms)} ms`] : []),
            ...(loop > TARGETS.loopMs + 50 ? [`event loop ${Math.round(loop)} ms`] : []),
          ],
        });
      if (result.failure !== null)
        this.times.push({
          page: 'act: bulk',
          status: null,
          ms: 0,
          loopMs,
          statements: 0,
          missed: [result.failure],
        });
      add('act: bulk preview (in this process)', result.previewMs, result.loopMs, TARGETS.answerMs);
      add('act: bulk start (in this process)', result.startMs, result.loopMs, TARGETS.answerMs);
      // A run has as long as its jobs take; what counts is that the server stays free meanwhile.
      add('act: bulk run', result.runMs, loopMs, Number.POSITIVE_INFINITY);
    } finally {
      await close();
    }
  }

  /** Statements of the server so far, as PostgreSQL counts them. */
  private async statements(): Promise<number> {
    const { rows } = await this.sql.query<{ calls: number }>(
      `SELECT coalesce(sum(calls), 0)::int AS calls FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
        WHERE d.datname = current_database() AND query !~* '^\\s*(BEGIN|START|COMMIT|ROLLBACK|SET|ANALYZE|SAVEPOINT)' AND query !~ 'pg_stat'`,
    );
    return rows[0]?.calls ?? 0;
  }

  /** Watches how long a transaction of an act waits for JavaScript: its locks wait with it. */
  private sampleIdleInTransaction(): () => Promise<void> {
    let running = true;
    const sampling = (async () => {
      while (running) {
        const { rows } = await this.watcher.query<{ ms: number | null }>(
          `SELECT (max(extract(epoch FROM clock_timestamp() - state_change)) * 1000)::float8 AS ms FROM pg_stat_activity
            WHERE datname = current_database() AND application_name = 'good_job_console' AND state LIKE 'idle in transaction%'`,
        );
        if (this.acting) this.idleMs = Math.max(this.idleMs, rows[0]?.ms ?? 0);
        await sleep(SAMPLE_EVERY_MS);
      }
    })();
    return () => {
      running = false;
      return sampling;
    };
  }
}
