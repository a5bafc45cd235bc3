import pg from 'pg';
import type { Role } from '../../lib/config/authentication';
import { consoleSchemaScript } from '../../lib/console-schema/setup';
import { contextFor, type Ctx } from '../../lib/context/request-context';
import { type Database, openDatabase } from '../../lib/db/database';
import {
  type AppSettings,
  type DetectedSchema,
  GoodJobTables,
  detectSchema,
} from '../../lib/good-job/tables';
import { goodJobDatabase } from './good-job-database';

interface TestConsoleOptions {
  /** DATABASE_SCHEMA; default: public. */
  schema?: string;
  /** Statements to run on the new tables, e.g. to create an older schema. */
  sql?: string[];
  /** Whether to create the console's schema; default: true. Without it the audit is printed. */
  consoleSchema?: boolean;
}

interface CtxOptions {
  /** Default: tester. */
  viewerId?: string;
  role?: Role;
  readOnly?: boolean;
  /** False simulates version 1 of the console's schema. */
  bulkRuns?: boolean;
  /** 'none' simulates a version of the console's schema below 8. */
  pauseEnds?: Ctx['pauseEnds'];
  app?: Partial<AppSettings>;
  db?: Database;
  searchBudgetMs?: number;
  bulkOperatorLimit?: number;
  maxAgeMs?: number;
  reason?: string;
  reasonRequired?: boolean;
}

const CONSOLE_SCHEMA_SQL = [consoleSchemaScript()];

/** A console on its own test database, with further database sessions. */
export class TestConsole {
  private readonly sessions: pg.Client[] = [];

  private constructor(
    readonly url: string,
    /** A session in UTC with GoodJob's tables on its search path. */
    readonly client: pg.Client,
    readonly db: Database,
    private schema: DetectedSchema,
    private readonly consoleSchema: boolean,
    private readonly drop: () => Promise<void>,
  ) {}

  static async open(name: string, options: TestConsoleOptions = {}): Promise<TestConsole> {
    const { schema = 'public', sql = [], consoleSchema = true } = options;
    const database = await goodJobDatabase(name, {
      schema,
      sql: [...sql, ...(consoleSchema ? CONSOLE_SCHEMA_SQL : [])],
    });
    const client = await connect(database.url, schema);
    const db = openDatabase({
      url: database.url,
      caFile: null,
      poolSize: 4,
      applicationName: 'good_job_console',
    });
    return new TestConsole(
      database.url,
      client,
      db,
      await db.read((tx) => detectSchema(tx, schema)),
      consoleSchema,
      database.drop,
    );
  }

  /** Returns a context; the default app name is `test-app`. */
  ctx({
    viewerId = 'tester',
    role = 'admin',
    readOnly = false,
    bulkRuns = true,
    pauseEnds = 'write',
    app = {},
    db = this.db,
    ...others
  }: CtxOptions = {}): Ctx {
    const tables = new GoodJobTables(this.schema, {
      appName: 'test-app',
      locale: 'en',
      timeZone: 'UTC',
      dequeueQuerySort: 'created_at',
      ...app,
    });
    return contextFor({
      viewer: { id: viewerId, role },
      db,
      tables,
      consoleSchema: this.consoleSchema,
      bulkRuns: this.consoleSchema && bulkRuns,
      pauseEnds: this.consoleSchema ? pauseEnds : 'none',
      requestId: 'test',
      readOnly,
      ...others,
    });
  }

  /** Drops indexes of good_jobs, which an older schema lacks, and returns a new context. */
  async dropIndexes(names: string[], options: CtxOptions = {}): Promise<Ctx> {
    for (const name of names)
      await this.client.query(`DROP INDEX ${pg.escapeIdentifier(`index_good_jobs_on_${name}`)}`);
    this.schema = await this.db.read((tx) => detectSchema(tx, this.schema.name));
    return this.ctx(options);
  }

  /** Opens another session, e.g. for locks; `close` ends it. */
  async session(): Promise<pg.Client> {
    const client = await connect(this.url, this.schema.name);
    this.sessions.push(client);
    return client;
  }

  /** The notifications on channel good_job while `act` runs. */
  async notifications(
    act: () => Promise<unknown>,
  ): Promise<{ queue_name: string; scheduled_at: string; count?: number }[]> {
    const listener = await this.session();
    const received: string[] = [];
    const ended = new Promise<void>((resolve) => {
      listener.on('notification', ({ payload = '' }) =>
        payload === 'end' ? resolve() : received.push(payload),
      );
    });
    await listener.query('LISTEN good_job');
    await act();
    // Notifications arrive in commit order, so none is outstanding after our own.
    await listener.query(`NOTIFY good_job, 'end'`);
    await ended;
    await listener.query('UNLISTEN good_job');
    return received.map(
      (payload) =>
        JSON.parse(payload) as { queue_name: string; scheduled_at: string; count?: number },
    );
  }

  async close(): Promise<void> {
    await this.db.close();
    await Promise.all([this.client, ...this.sessions].map((client) => client.end()));
    await this.drop();
  }
}

async function connect(url: string, schema: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query(
    `SET TIME ZONE 'UTC';
     SET IntervalStyle = 'iso_8601';
     SET search_path TO ${pg.escapeIdentifier(schema)}`,
  );
  return client;
}

/** GoodJob's advisory lock on a row, as an SQL expression. */
export function lockKey(
  table: 'good_jobs' | 'good_job_batches' | 'good_job_processes',
  id: string,
): string {
  return `('x' || substr(md5('${table}-${id}'), 1, 16))::bit(64)::bigint`;
}
