import pg from 'pg';
import type { Sql } from 'sql-template-tag';
import type { z } from 'zod';
import { ConsoleError } from '../core/errors';
import { connectionConfig, tlsFailureReason, typeParsers } from './connection';
import {
  isClientTimeout,
  isConnectionLoss,
  isConsoleLock,
  isIdleTimeout,
  toConsoleError,
} from './errors';

/**
 * Runs one statement inside a transaction that is already open. Rows are JSON-safe: timestamps are ISO 8601 UTC
 * text with microseconds, jsonb and bigint are text, smallint/integer are numbers, arrays of text are arrays.
 */
export interface Tx {
  /** The rows of a statement, by the schema of a row. Tests and development parse each row; production trusts it. */
  query<Schema extends z.ZodType>(schema: Schema, statement: Sql): Promise<z.output<Schema>[]>;
  query<Row>(statement: Sql): Promise<Row[]>;
  /** A statement whose rows nobody reads. */
  execute(statement: Sql): Promise<void>;
}

/** Rows are parsed where a mistake in a schema is found by whoever makes it, not at the cost of a reader. */
const PARSES_ROWS = process.env.NODE_ENV !== 'production';

/** A transaction whose statements `run` sends. Throws the ZodError of a row that its schema does not allow. */
export function createTx(run: (statement: Sql) => Promise<unknown[]>): Tx {
  async function query(schema: z.ZodType | Sql, statement?: Sql): Promise<unknown[]> {
    if (!statement) return run(schema as Sql);
    const rows = await run(statement);
    return PARSES_ROWS ? rows.map((row) => (schema as z.ZodType).parse(row)) : rows;
  }
  return {
    query: query as Tx['query'],
    execute: async (statement) => {
      await run(statement);
    },
  };
}

export interface ReadOptions {
  /** Statement timeout, ms. */
  timeoutMs?: number;
  /**
   * No table is read from end to end while an index will do. A batch that is a tenth of good_jobs, or a LIMIT over
   * it, makes the planner take the whole table for cheaper than index_good_jobs_on_batch_id; of a million jobs that
   * is 300 ms in place of 50 for the counts of 100,000, and 500 in place of 1 for the first 1,000.
   */
  byIndexOnly?: boolean;
  /**
   * Rows come in the order of an index, neither sorted nor by a bitmap: the planner takes a queue whose name it does not
   * know for a small one, and would read and sort all of it for its first rows.
   */
  inIndexOrder?: boolean;
}

/** Reads and writes, each in a short transaction of its own; every failure is a ConsoleError. */
export interface Database {
  /** At most. */
  connections: number;
  /** A read-only transaction; `fn` runs again when the connection turns out to be gone, so it changes nothing outside. */
  read<T>(fn: (tx: Tx) => Promise<T>, options?: ReadOptions): Promise<T>;
  /** Every write of a viewer goes through transaction(ctx, permission, fn); lib/sessions writes without one. */
  write<T>(fn: (tx: Tx) => Promise<T>): Promise<T>;
  /** A write that may take an hour: a migration of the console's own tables, from the command line. */
  migrate<T>(fn: (tx: Tx) => Promise<T>): Promise<T>;
  /** Connections of the pool now, and requests that wait for one. */
  poolState(): { total: number; idle: number; waiting: number };
  close(): Promise<void>;
}

const READ_TIMEOUT_MS = 5_000;
const WRITE_TIMEOUT_MS = 10_000;
const LOCK_TIMEOUT_MS = 2_000;
/** A migration rewrites tables of millions of rows. It waits longer for them than an act, which it holds up meanwhile. */
const MIGRATION_TIMEOUT_MS = 3_600_000;
const MIGRATION_LOCK_TIMEOUT_MS = 10_000;
/** A write that does nothing for so long, because this server hangs, must not keep its locks. */
const IDLE_IN_WRITE_TIMEOUT_MS = 5_000;

/*
 * Settings travel as SET LOCAL in the transaction's first message: no start-up options, no named statements, no
 * session state, so PgBouncer in transaction mode works. READ COMMITTED whatever the database's own default: what was
 * committed before a lock was ours must be seen. UTC because GoodJob's columns without a zone hold UTC;
 * no JIT because it costs more than any of these queries.
 */
const begin = (mode: string, statementMs: number, lockMs: number) =>
  `BEGIN ISOLATION LEVEL READ COMMITTED ${mode}; SET LOCAL statement_timeout = ${statementMs}; SET LOCAL lock_timeout = ${lockMs}; SET LOCAL TIME ZONE 'UTC'; SET LOCAL DateStyle = 'ISO'; SET LOCAL jit = off`;
const IDLE_IN_WRITE = `; SET LOCAL idle_in_transaction_session_timeout = ${IDLE_IN_WRITE_TIMEOUT_MS}`;
const BY_INDEX_ONLY = '; SET LOCAL enable_seqscan = off';
const IN_INDEX_ORDER =
  '; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off; SET LOCAL enable_incremental_sort = off';

export interface DatabaseOptions {
  url: string;
  caFile: string | null;
  poolSize: number;
  applicationName: string;
}

/** Connects lazily: a database that is down fails the query, not the start. */
export function openDatabase(options: DatabaseOptions): Database {
  let pool: Promise<pg.Pool> | undefined;
  let opened: pg.Pool | undefined;
  const open = () =>
    (pool ??= createPool(options).then(
      (made) => (opened = made),
      (error: unknown) => {
        pool = undefined;
        throw error;
      },
    ));

  /** prefer and allow are decided once a pool: when the server's own TLS setting has changed since, decide again. */
  async function begun(beginSql: string): Promise<pg.PoolClient> {
    const current = await open();
    try {
      return await connectAndBegin(current, beginSql);
    } catch (error) {
      const reason = tlsFailureReason(error);
      if (reason === 'not_offered' || reason === 'required_by_server') {
        pool = undefined;
        void current.end();
      }
      throw error;
    }
  }

  async function run<T>(
    beginSql: string,
    end: 'COMMIT' | 'COMMIT, not waited for',
    fn: (tx: Tx) => Promise<T>,
    clientLimit: { query_timeout?: number } = {},
  ): Promise<T> {
    const client = await begun(beginSql);
    // The server may end the session between two statements; without a listener that would end this process.
    let lost: Error | undefined;
    const onError = (error: Error) => {
      lost ??= error;
    };
    client.on('error', onError);
    const release = (broken?: unknown) => {
      client.off('error', onError);
      client.release(broken instanceof Error ? broken : undefined);
    };
    try {
      const tx = createTx(async ({ text, values }) => {
        try {
          return (await client.query<Record<string, unknown>>({ text, values, ...clientLimit }))
            .rows;
        } catch (error) {
          if (!isConsoleLock(error, text)) throw error;
          throw new ConsoleError('console_locked', { cause: error });
        }
      });
      const result = await fn(tx);
      const ended = client.query('COMMIT');
      if (end === 'COMMIT') await ended;
      void ended.then(() => release(), release);
      return result;
    } catch (cause) {
      // Statements after it fail too, but do not say why.
      const error: unknown = isIdleTimeout(lost) ? lost : cause;
      release(await brokenBy(client, error, lost));
      throw error;
    }
  }

  return {
    connections: options.poolSize,
    async read(
      fn,
      { timeoutMs = READ_TIMEOUT_MS, byIndexOnly = false, inIndexOrder = false } = {},
    ) {
      // A read waits for a lock (a migration's, say) as long as it may take at all.
      const beginSql =
        begin('READ ONLY', timeoutMs, 0) +
        (byIndexOnly ? BY_INDEX_ONLY : '') +
        (inIndexOrder ? IN_INDEX_ORDER : '');
      // What was read is read: the transaction's end keeps nobody waiting.
      const once = () => run(beginSql, 'COMMIT, not waited for', fn);
      try {
        return await once().catch((error: unknown) => {
          // An idle connection that died with the server; the statement itself was never the problem.
          if (isConnectionLoss(error)) return once();
          throw error;
        });
      } catch (error) {
        throw toConsoleError(error);
      }
    },
    async write(fn) {
      try {
        // Not READ WRITE: that would write where `default_transaction_read_only` says not to.
        const beginSql = begin('', WRITE_TIMEOUT_MS, LOCK_TIMEOUT_MS) + IDLE_IN_WRITE;
        return await run(beginSql, 'COMMIT', fn);
      } catch (error) {
        throw toConsoleError(error);
      }
    },
    async migrate(fn) {
      try {
        const beginSql = begin('', MIGRATION_TIMEOUT_MS, MIGRATION_LOCK_TIMEOUT_MS);
        return await run(beginSql, 'COMMIT', fn, { query_timeout: MIGRATION_TIMEOUT_MS });
      } catch (error) {
        throw toConsoleError(error);
      }
    },
    poolState: () => ({
      total: opened?.totalCount ?? 0,
      idle: opened?.idleCount ?? 0,
      waiting: opened?.waitingCount ?? 0,
    }),
    async close() {
      await (await pool)?.end();
    },
  };
}

/**
 * Why the connection cannot be used again after a failed statement; undefined: it was rolled back. A statement that the
 * server cancelled at its own timeout leaves the connection healthy.
 */
async function brokenBy(
  client: pg.PoolClient,
  error: unknown,
  lost: Error | undefined,
): Promise<unknown> {
  if (lost) return lost;
  if (isConnectionLoss(error) || isClientTimeout(error)) return error;
  return client.query('ROLLBACK').then(
    () => undefined,
    (rollbackError: unknown) => rollbackError,
  );
}

/** An idle connection may have died with the server since its last use: nothing was executed, so a fresh one is tried. */
async function connectAndBegin(pool: pg.Pool, beginSql: string): Promise<pg.PoolClient> {
  for (let attempt = 0; ; attempt += 1) {
    const client = await pool.connect();
    try {
      await client.query(beginSql);
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
    // The server's statement_timeout decides; this is for a server that does not answer at all.
    query_timeout: WRITE_TIMEOUT_MS + 5_000,
    idleTimeoutMillis: 30_000,
    keepAlive: true,
    allowExitOnIdle: true,
  });
  // An idle connection that the server ends is an event, not a crash: the pool drops it by itself.
  pool.on('error', () => undefined);
  return pool;
}
