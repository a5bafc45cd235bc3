import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import pg from 'pg';
import { testDatabase } from './postgres';

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
 * A test database with the tables of GoodJob 4.19.2.
 * @param options.sql statements to run afterwards, for an older schema or for rows; names without a schema mean `options.schema`
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

/** Inserts the batch of the source screen with its jobs and executions. Postgres reads the JSON itself: JSON.parse would change large numbers in arguments. */
export async function loadSourceBatch(url: string, schema = 'public'): Promise<void> {
  const text = await readFile(new URL('source-batch-rows.json', FIXTURES), 'utf8');
  const tables = JSON.parse(text) as Record<string, Record<string, unknown>[]>;
  await withClient(url, async (client) => {
    await client.query('BEGIN');
    for (const [table, rows] of Object.entries(tables)) {
      const target = `${pg.escapeIdentifier(schema)}.${pg.escapeIdentifier(table)}`;
      // Only the columns that are in the file: the others keep their defaults.
      const columns = [...new Set(rows.flatMap((row) => Object.keys(row)))]
        .map((column) => pg.escapeIdentifier(column))
        .join(', ');
      await client.query(
        `INSERT INTO ${target} (${columns}) SELECT ${columns} FROM jsonb_populate_recordset(NULL::${target}, $1::jsonb -> $2)`,
        [text, table],
      );
    }
    await client.query('COMMIT');
  });
}

/** The part of pg's connection that speaks the COPY protocol; its types leave it out. */
interface CopyConnection {
  sendCopyFromChunk(chunk: Buffer): void;
  endCopyFrom(): void;
}

const CHUNK_BYTES = 1 << 18;

/** COPY ... FROM STDIN with the text as it stands, so that Postgres and not our own parser reads its escapes. */
class CopyIn extends pg.Query {
  // A #private name: pg.Query has undeclared fields, and one called `rows` would change the protocol it speaks.
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

/** The statements of a plain-text dump without comments: SET and COPY, each COPY with the rows up to its `\.` line. */
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
    // An empty table's end mark follows at once, so the search starts at the line break before the rows.
    const mark = dump.indexOf('\n\\.\n', stop);
    if (mark === -1) throw new Error(`A COPY block has no end mark: ${line.slice(0, 80)}`);
    yield { sql: line, rows: dump.subarray(at, mark + 1) };
    at = mark + 4;
  }
}

/** Loads 13,600 rows that a real GoodJob 4.19.2 wrote, into the tables of goodJobDatabase(). */
export async function loadGjReal(url: string, schema = 'public'): Promise<void> {
  const dump = await promisify(gunzip)(await readFile(new URL('gj_real.sql.gz', FIXTURES)));
  await withClient(url, async (client) => {
    await client.query('BEGIN');
    for (const { sql, rows } of dumpStatements(dump)) {
      if (rows) await copyIn(client, inSchema(sql, schema), rows);
      else await client.query(sql);
    }
    await client.query('COMMIT');
    // Plans of tests are then those of a database in use, not of a table just filled.
    await client.query('ANALYZE');
  });
}
