import type pg from 'pg';

export type Values = Record<string, unknown>;

/**
 * A row like an Active Record object: save() writes the assigned values that differ from the stored
 * ones.
 */
export class ActiveRecord {
  private changes: Values = {};

  constructor(
    private readonly table: string,
    private stored: Values,
  ) {}

  get id(): string {
    return String(this.stored.id);
  }

  get(column: string): unknown {
    return column in this.changes ? this.changes[column] : this.stored[column];
  }

  assign(values: Values): void {
    for (const [column, value] of Object.entries(values)) {
      if (isSame(value, this.stored[column])) delete this.changes[column];
      else this.changes[column] = value;
    }
  }

  /** Updates the row by its id, without checking its current values. */
  async save(client: pg.Client): Promise<void> {
    if (Object.keys(this.changes).length === 0) return;
    this.changes.updated_at = new Date().toISOString();
    const columns = Object.keys(this.changes);
    const values = columns.map((column) => databaseValue(this.changes[column]));
    const assignments = columns.map((column, n) => `${column} = $${n + 2}`).join(', ');
    await client.query(`UPDATE ${this.table} SET ${assignments} WHERE id = $1`, [
      this.id,
      ...values,
    ]);
    this.stored = { ...this.stored, ...this.changes };
    this.changes = {};
  }

  async update(client: pg.Client, values: Values): Promise<void> {
    this.assign(values);
    await this.save(client);
  }

  async reload(client: pg.Client): Promise<void> {
    const { rows } = await client.query<Values>(`SELECT * FROM ${this.table} WHERE id = $1`, [
      this.id,
    ]);
    if (!rows[0]) throw new Error(`${this.table} has no row ${this.id}.`);
    this.stored = rows[0];
    this.changes = {};
  }
}

function isSame(a: unknown, b: unknown): boolean {
  return (
    a === b ||
    ((a ?? null) === null && (b ?? null) === null) ||
    JSON.stringify(a) === JSON.stringify(b)
  );
}

function databaseValue(value: unknown): unknown {
  return typeof value === 'object' && value !== null && !(value instanceof Date)
    ? JSON.stringify(value)
    : value;
}

export async function insert(client: pg.Client, table: string, values: Values): Promise<void> {
  const columns = Object.keys(values);
  const placeholders = columns.map((_, n) => `$${n + 1}`).join(', ');
  await client.query(
    `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${placeholders})`,
    Object.values(values).map(databaseValue),
  );
}

export async function transaction<T>(client: pg.Client, fn: () => Promise<T>): Promise<T> {
  await client.query('BEGIN');
  try {
    const result = await fn();
    await client.query('COMMIT');
    return result;
  } catch (error) {
    await client.query('ROLLBACK');
    throw error;
  }
}
