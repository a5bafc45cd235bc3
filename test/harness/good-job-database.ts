import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import pg from 'pg';
import { testDatabase } from './test-server';

const FIXTURES = new URL('../fixtures/', import.meta.url);

export interface GoodJobDatabase {
  url: string;
  drop(): Promise<void>;
}

async function withClient<T>(url: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await use(client);
  } finally {
    await client.end();
  }
}

function inSchema(sql: string, schema: string): string {
  return schema === 'public'
    ? sql
    : sql.replaceAll('public.', () => `${pg.escapeIdentifier(schema)}.`);
}

/**
 * Creates a test database with the tables of GoodJob 4.19.2.
 * @param options.sql statements to run afterwards; unqualified names refer to `options.schema`
 */
export async function goodJobDatabase(
  name: string,
  options: { schema?: string; sql?: string[] } = {},
): Promise<GoodJobDatabase> {
  const { schema = 'public', sql = [] } = options;
  const tables = inSchema(await readFile(new URL('good_job-4.19.2.sql', FIXTURES), 'utf8'), schema);
  const database = await testDatabase(name);
  try {
    await withClient(database.url, async (client) => {
      const quoted = pg.escapeIdentifier(schema);
      await client.query(`CREATE SCHEMA IF NOT EXISTS ${quoted}; SET search_path TO ${quoted}`);
      await client.query(tables);
      for (const statement of sql) await client.query(statement);
    });
  } catch (error) {
    await database.drop();
    throw error;
  }
  return database;
}

/**
 * Inserts the batch of the recorded GoodJob page with its jobs and executions. Postgres parses the
 * JSON, because JSON.parse would change large numbers in arguments.
 */
export async function loadSourceBatch(url: string, schema = 'public'): Promise<void> {
  const text = await readFile(new URL('source-batch-rows.json', FIXTURES), 'utf8');
  const tables = JSON.parse(text) as Record<string, Record<string, unknown>[]>;
  await withClient(url, async (client) => {
    await client.query('BEGIN');
    for (const [table, rows] of Object.entries(tables)) {
      const target = `${pg.escapeIdentifier(schema)}.${pg.escapeIdentifier(table)}`;
      // Columns that are not in the file keep their defaults.
      const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))]
        .map((column) => pg.escapeIdentifier(column))
        .join(', ');
      await client.query(
        `INSERT INTO ${target} (${columns})
         SELECT ${columns}
         FROM jsonb_populate_recordset(NULL::${target}, $1::jsonb -> $2)`,
        [text, table],
      );
    }
    await client.query('COMMIT');
  });
}

/** The COPY methods of pg's connection, which its types omit. */
interface CopyConnection {
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
}

const CHUNK_BYTES = 1 << 18;

/** COPY ... FROM STDIN with the text of the dump, so that Postgres parses its escapes. */
class CopyIn extends pg.Query {
  // Private, because pg.Query has undeclared fields: one named `rows` changes its behaviour.
  readonly #data: Buffer;

  constructor(sql: string, data: Buffer, done: (error: Error | undefined) => void) {
    super(sql, done);
    this.#data = data;
  }

  handleCopyInResponse(connection: CopyConnection): void {
    for (let at = 0; at < this.#data.length; at += CHUNK_BYTES)
      connection.sendCopyFromChunk(this.#data.subarray(at, at + CHUNK_BYTES));
    connection.endCopyFrom();
  }
}

function copyIn(client: pg.Client, sql: string, rows: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    client.query(new CopyIn(sql, rows, (error) => (error ? reject(error) : resolve())));
  });
}

/** Yields the SET and COPY statements of a plain-text dump, each COPY with its rows. */
function* dumpStatements(dump: Buffer): Generator<{ sql: string; rows?: Buffer }> {
  for (let at = 0; at < dump.length;) {
    const lineEnd = dump.indexOf('\n', at);
    const stop = lineEnd === -1 ? dump.length : lineEnd;
    const line = dump.toString('utf8', at, stop).trim();
    at = stop + 1;
    if (line === '' || line.startsWith('--')) continue;
    if (!/^COPY .* FROM stdin;$/.test(line)) {
      yield { sql: line };
      continue;
    }
    // Start at the line break before the rows, because the end mark of an empty table follows it.
    const mark = dump.indexOf('\n\\.\n', stop);
    if (mark === -1) throw new Error(`A COPY block has no end mark: ${line.slice(0, 80)}`);
    yield { sql: line, rows: dump.subarray(at, mark + 1) };
    at = mark + 4;
  }
}

/** Loads 13,600 rows written by GoodJob 4.19.2 into the tables of goodJobDatabase(). */
export async function loadGjReal(url: string, schema = 'public'): Promise<void> {
  const dump = await promisify(gunzip)(await readFile(new URL('gj_real.sql.gz', FIXTURES)));
  await withClient(url, async (client) => {
    await client.query('BEGIN');
    for (const { sql, rows } of dumpStatements(dump)) {
      if (rows) await copyIn(client, inSchema(sql, schema), rows);
      else await client.query(sql);
    }
    await client.query('COMMIT');
    // Without statistics the planner would treat the tables as empty.
    await client.query('ANALYZE');
  });
}
