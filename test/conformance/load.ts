import { parse, stringify } from 'lossless-json';
import pg from 'pg';
import { type Row, type Rows, TABLES, type TableName, isTimeColumn } from './vector';

export type Columns = Record<TableName, { name: string; type: string }[]>;

export async function readColumns(client: pg.Client): Promise<Columns> {
  const { rows } = await client.query<{ table: TableName; name: string; type: string }>(`
    SELECT table_name AS table, column_name AS name, data_type AS type FROM information_schema.columns
     WHERE table_schema = 'public' ORDER BY table_name, ordinal_position`);
  return Object.fromEntries(
    TABLES.map((table) => [table, rows.filter((row) => row.table === table)]),
  ) as unknown as Columns;
}

/** Makes these rows the only ones of the five tables. Postgres reads the JSON itself, numbers and all. */
export async function loadRows(client: pg.Client, rows: Rows): Promise<void> {
  // DELETE and not TRUNCATE: with this many indexes and this few rows it is ten times as fast.
  await client.query(TABLES.map((table) => `DELETE FROM ${table}`).join('; '));
  for (const table of TABLES) {
    if (rows[table].length === 0) continue;
    await client.query(
      `INSERT INTO ${table} SELECT * FROM jsonb_populate_recordset(NULL::${table}, $1::jsonb)`,
      [stringify(rows[table])],
    );
  }
}

/** Every row and column as the vectors write them: times in UTC with microseconds, intervals in ISO 8601, exact numbers. */
export async function readRows(client: pg.Client, columns: Columns): Promise<Rows> {
  const statements = TABLES.map((table) => {
    const times = columns[table].filter(({ name }) => isTimeColumn(name));
    const texts = times.map(
      ({ name, type }) =>
        `'${name}', to_char(t.${name}${type.endsWith('with time zone') ? ` AT TIME ZONE 'UTC'` : ''}, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`,
    );
    return `SELECT '${table}' AS table, (to_jsonb(t) || jsonb_build_object(${texts.join(', ')}))::text AS row FROM ${table} t`;
  });
  const found = await client.query<{ table: TableName; row: string }>(
    statements.join(' UNION ALL '),
  );
  const rows = Object.fromEntries(TABLES.map((table) => [table, [] as Row[]])) as Rows;
  for (const { table, row } of found.rows) rows[table].push(parse(row) as Row);
  return rows;
}
