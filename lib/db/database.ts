import pg from 'pg';
import sql, { type Sql, raw } from 'sql-template-tag';
import type { z } from 'zod';
import { ConsoleError, codeOf } from '../core/errors';
import {
  connectionConfig,
  isClientTimeout,
  isConnectionLoss,
  isConsoleLock,
  isIdleTimeout,
  tlsFailureReason,
  toConsoleError,
  typeParsers,
} from './connection';

/**
 * An open transaction. Rows are JSON-safe: timestamps are ISO 8601 UTC text with microseconds,
 * jsonb and bigint are text, smallint and integer are numbers, text arrays are arrays.
 */
export interface Tx {
  /** Returns the rows of a statement. Tests and development parse each row; production does not. */
  query<Schema extends z.ZodType>(schema: Schema, statement: Sql): Promise<z.output<Schema>[]>;
  /** Runs a statement and ignores its rows. */
  execute(statement: Sql): Promise<void>;
}

/** Parsing finds mistakes in row schemas during development; production saves its cost. */
const PARSES_ROWS = process.env.NODE_ENV !== 'production';

/**
 * Creates a transaction on top of `run`. Its queries throw ZodError for rows that violate a schema.
 */
export function createTx(run: (statement: Sql) => Promise<unknown[]>): Tx {
  return {
    async query<Schema extends z.ZodType>(schema: Schema, statement: Sql) {
      const rows = await run(statement);
      if (PARSES_ROWS) return rows.map((row) => schema.parse(row));
      // Tests have parsed rows of every schema, so production trusts it.
      return rows as z.output<Schema>[];
    },
    async execute(statement) {
      await run(statement);
    },
  };
}

/**
 * Returns the result of `read`, or null if one of its statements exceeds `timeoutMs`. `read` must
 * not write: the savepoint that restores the transaction's timeout is rolled back in both cases.
 */
export async function nullOnTimeout<T>(
  tx: Tx,
  timeoutMs: number,
  read: () => Promise<T>,
): Promise<T | null> {
  const timeout = raw(String(Math.max(1, Math.ceil(timeoutMs))));
  await tx.execute(sql`SAVEPOINT timed_read; SET LOCAL statement_timeout = ${timeout}`);
  const result = await read().catch((error: unknown) => {
    if (codeOf(error) !== '57014') throw error;
    return null;
  });
  await tx.execute(sql`ROLLBACK TO SAVEPOINT timed_read; RELEASE SAVEPOINT timed_read`);
  return result;
}

export interface ReadOptions {
  /** Statement timeout; default 5 s. */
  timeoutMs?: number;
  /**
   * Disables sequential scans where an index can be used. The planner prefers one to
   * index_good_jobs_on_batch_id for a batch with a tenth of all jobs: with a million jobs, counting
   * 100,000 members takes 300 ms instead of 50, and reading the first 1,000 takes 500 ms instead of
   * 1.
   */
  byIndexOnly?: boolean;
  /**
   * Disables sorts and bitmap scans. The planner assumes that a queue with an unknown name is
   * small, and would read and sort all of its jobs for the first page.
   */
  inIndexOrder?: boolean;
}

/** Reads and writes in short transactions; database errors are ConsoleErrors. */
export interface Database {
  /** Maximum number of connections. */
  connections: number;
  /** Runs `fn` read-only. A lost connection runs it again, so it must not have side effects. */
  read<T>(fn: (tx: Tx) => Promise<T>, options?: ReadOptions): Promise<T>;
  /** Writes of viewers must use `auditedTransaction`; only lib/sessions and set-up call this. */
  write<T>(fn: (tx: Tx) => Promise<T>): Promise<T>;
  /** Runs a migration of the console's own tables, which may take an hour. */
  migrate<T>(fn: (tx: Tx) => Promise<T>): Promise<T>;
  /** Returns the number of connections and of requests that wait for one. */
  poolState(): { total: number; idle: number; waiting: number };
  close(): Promise<void>;
}

const READ_TIMEOUT_MS = 5_000;
const WRITE_TIMEOUT_MS = 10_000;
const LOCK_TIMEOUT_MS = 2_000;
/** Migrations rewrite tables with millions of rows. */
const MIGRATION_TIMEOUT_MS = 3_600_000;
const MIGRATION_LOCK_TIMEOUT_MS = 10_000;
/** Releases the locks of a write when this server hangs. */
const IDLE_IN_WRITE_TIMEOUT_MS = 5_000;

/*
 * Settings are SET LOCAL in the first message of each transaction, so that PgBouncer works in
 * transaction mode. READ COMMITTED shows rows that were committed before a lock was acquired; UTC
 * because GoodJob's columns without a zone contain UTC; JIT costs more than it saves.
 */
const beginSql = (mode: string, statementMs: number, lockMs: number, ...settings: string[]) =>
  [
    `BEGIN ISOLATION LEVEL READ COMMITTED ${mode}`,
    `SET LOCAL statement_timeout = ${statementMs}`,
    `SET LOCAL lock_timeout = ${lockMs}`,
    `SET LOCAL TIME ZONE 'UTC'`,
    `SET LOCAL DateStyle = 'ISO'`,
    'SET LOCAL jit = off',
    ...settings,
  ].join('; ');
const IDLE_IN_WRITE = `SET LOCAL idle_in_transaction_session_timeout = ${IDLE_IN_WRITE_TIMEOUT_MS}`;
const BY_INDEX_ONLY = ['SET LOCAL enable_seqscan = off'];
const IN_INDEX_ORDER = [
  'SET LOCAL enable_bitmapscan = off',
  'SET LOCAL enable_sort = off',
  'SET LOCAL enable_incremental_sort = off',
];

interface DatabaseOptions {
  url: string;
  caFile: string | null;
  poolSize: number;
  applicationName: string;
}

/**
 * Returns a database that connects at the first query, so that the console starts while the
 * database is down.
 */
export function openDatabase(options: DatabaseOptions): Database {
  const pool = new LazyPool(options);
  return {
    connections: options.poolSize,
    async read(
      fn,
      { timeoutMs = READ_TIMEOUT_MS, byIndexOnly = false, inIndexOrder = false } = {},
    ) {
      // Without a lock timeout: a read may wait for a migration up to its statement timeout.
      const begin = beginSql(
        'READ ONLY',
        timeoutMs,
        0,
        ...(byIndexOnly ? BY_INDEX_ONLY : []),
        ...(inIndexOrder ? IN_INDEX_ORDER : []),
      );
      const attempt = () => runTransaction(pool, { begin, waitsForCommit: false }, fn);
      try {
        return await attempt().catch((error: unknown) => {
          if (isConnectionLoss(error)) return attempt();
          throw error;
        });
      } catch (error) {
        throw toConsoleError(error);
      }
    },
    async write(fn) {
      try {
        // Not READ WRITE, which would override `default_transaction_read_only`.
        const begin = beginSql('', WRITE_TIMEOUT_MS, LOCK_TIMEOUT_MS, IDLE_IN_WRITE);
        return await runTransaction(pool, { begin, waitsForCommit: true }, fn);
      } catch (error) {
        throw toConsoleError(error);
      }
    },
    async migrate(fn) {
      try {
        const begin = beginSql('', MIGRATION_TIMEOUT_MS, MIGRATION_LOCK_TIMEOUT_MS);
        const clientLimit = { query_timeout: MIGRATION_TIMEOUT_MS };
        return await runTransaction(pool, { begin, waitsForCommit: true, clientLimit }, fn);
      } catch (error) {
        throw toConsoleError(error);
      }
    },
    poolState: () => pool.state(),
    close: () => pool.close(),
  };
}

/** A pool that is created at the first use. */
class LazyPool {
  private pool: Promise<pg.Pool> | undefined;
  private openPool: pg.Pool | undefined;

  constructor(private readonly options: DatabaseOptions) {}

  /**
   * Returns a connection with an open transaction. Discards the pool if the server's TLS setting
   * has changed, because sslmode prefer and allow are resolved once per pool.
   */
  async begin(begin: string): Promise<pg.PoolClient> {
    const pool = await this.open();
    try {
      return await connectAndBegin(pool, begin);
    } catch (error) {
      const reason = tlsFailureReason(error);
      if (reason === 'not_offered' || reason === 'required_by_server') {
        this.pool = undefined;
        void pool.end();
      }
      throw error;
    }
  }

  state(): { total: number; idle: number; waiting: number } {
    return {
      total: this.openPool?.totalCount ?? 0,
      idle: this.openPool?.idleCount ?? 0,
      waiting: this.openPool?.waitingCount ?? 0,
    };
  }

  async close(): Promise<void> {
    await (await this.pool)?.end();
  }

  private open(): Promise<pg.Pool> {
    this.pool ??= createPool(this.options).then(
      (pool) => {
        this.openPool = pool;
        return pool;
      },
      (error: unknown) => {
        this.pool = undefined;
        throw error;
      },
    );
    return this.pool;
  }
}

interface TransactionOptions {
  /** The statements that begin the transaction. */
  begin: string;
  /** False for reads: their result does not depend on COMMIT. */
  waitsForCommit: boolean;
  /** Overrides node-pg's timeout of the pool, in ms. */
  clientLimit?: { query_timeout?: number };
}

async function runTransaction<T>(
  pool: LazyPool,
  { begin, waitsForCommit, clientLimit = {} }: TransactionOptions,
  fn: (tx: Tx) => Promise<T>,
): Promise<T> {
  const client = await pool.begin(begin);
  // The server can end the session between two statements, and an unhandled `error` event would end
  // this process.
  let sessionError: Error | undefined;
  const onError = (error: Error) => {
    sessionError ??= error;
  };
  client.on('error', onError);
  const release = (fault?: unknown) => {
    client.off('error', onError);
    client.release(fault instanceof Error ? fault : undefined);
  };
  try {
    const tx = createTx(async ({ text, values }) => {
      try {
        return (await client.query<Record<string, unknown>>({ text, values, ...clientLimit })).rows;
      } catch (error) {
        if (!isConsoleLock(error, text)) throw error;
        throw new ConsoleError('console_locked', { cause: error });
      }
    });
    const result = await fn(tx);
    const commit = client.query('COMMIT');
    if (waitsForCommit) await commit;
    void commit.then(() => release(), release);
    return result;
  } catch (cause) {
    // Later statements fail too, but only the first error has the reason.
    const error: unknown = isIdleTimeout(sessionError) ? sessionError : cause;
    release(await findConnectionFault(client, error, sessionError));
    throw error;
  }
}

/**
 * Rolls back after a failed statement; returns why the connection cannot be reused, or undefined if
 * it can. A server-side statement timeout leaves the connection usable.
 */
async function findConnectionFault(
  client: pg.PoolClient,
  error: unknown,
  sessionError: Error | undefined,
): Promise<unknown> {
  if (sessionError) return sessionError;
  if (isConnectionLoss(error) || isClientTimeout(error)) return error;
  return client.query('ROLLBACK').then(
    () => undefined,
    (rollbackError: unknown) => rollbackError,
  );
}

/** Retries BEGIN on other connections, because idle ones may have been closed by the server. */
async function connectAndBegin(pool: pg.Pool, begin: string): Promise<pg.PoolClient> {
  for (let attempt = 0; ; attempt += 1) {
    const client = await pool.connect();
    try {
      await client.query(begin);
      return client;
    } catch (error) {
      client.release(error instanceof Error ? error : true);
      if (attempt >= pool.options.max || !isConnectionLoss(error)) throw error;
    }
  }
}

async function createPool(options: DatabaseOptions): Promise<pg.Pool> {
  const pool = new pg.Pool({
    ...(await connectionConfig(options.url, options.caFile)),
    max: options.poolSize,
    application_name: options.applicationName,
    types: typeParsers,
    connectionTimeoutMillis: 5_000,
    // Longer than the server's statement_timeout, for a server that does not respond.
    query_timeout: WRITE_TIMEOUT_MS + 5_000,
    idleTimeoutMillis: 30_000,
    keepAlive: true,
    allowExitOnIdle: true,
  });
  // The pool removes idle connections that the server closes; an unhandled event would end the
  // process.
  pool.on('error', () => undefined);
  return pool;
}
