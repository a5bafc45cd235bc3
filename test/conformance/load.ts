import { parse, stringify } from 'lossless-json';
import pg from 'pg';
import { type Row, type Rows, TABLES, type TableName, isTimeColumn } from './vector';

export type Columns = Record<TableName, { name: string; type: string }[]>;

/** The columns of the five tables in table order. */
export async function readColumns(client: pg.Client): Promise<Columns> {
  const { rows } = await client.query<{ table: TableName; name: string; type: string }>(`
    SELECT table_name AS table, column_name AS name, data_type AS type
      FROM information_schema.columns
     WHERE table_schema = 'public'
     ORDER BY table_name, ordinal_position`);
  return Object.fromEntries(
    TABLES.map((table) => [table, rows.filter((row) => row.table === table)]),
  ) as unknown as Columns;
}

/**
 * Replaces all rows of the five tables. Postgres parses the JSON, which keeps the digits of
 * numbers.
 */
export async function loadRows(client: pg.Client, rows: Rows): Promise<void> {
  // With many indexes and few rows, DELETE is ten times as fast as TRUNCATE.
  await client.query(TABLES.map((table) => `DELETE FROM ${table}`).join('; '));
  for (const table of TABLES) {
    if (rows[table].length === 0) continue;
    await client.query(
      `INSERT INTO ${table} SELECT * FROM jsonb_populate_recordset(NULL::${table}, $1::jsonb)`,
      [stringify(rows[table])],
    );
  }
}

/**
 * All rows in the format of the vectors: times in UTC with microseconds, intervals in ISO 8601,
 * exact numbers.
 */
export async function readRows(client: pg.Client, columns: Columns): Promise<Rows> {
  const statements = TABLES.map((table) => {
    const times = columns[table].filter(({ name }) => isTimeColumn(name));
    const texts = times.map(({ name, type }) => {
      const zone = type.endsWith('with time zone') ? ` AT TIME ZONE 'UTC'` : '';
      return `'${name}', to_char(t.${name}${zone}, 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')`;
    });
    return `
      SELECT '${table}' AS table,
             (to_jsonb(t) || jsonb_build_object(${texts.join(', ')}))::text AS row
        FROM ${table} t`;
  });
  const result = await client.query<{ table: TableName; row: string }>(
    statements.join(' UNION ALL '),
  );
  const rows = Object.fromEntries(TABLES.map((table) => [table, [] as Row[]])) as Rows;
  for (const { table, row } of result.rows) rows[table].push(parse(row) as Row);
  return rows;
}
