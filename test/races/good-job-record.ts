import type pg from 'pg';

export type Values = Record<string, unknown>;

/** A row as Active Record holds it: what is assigned is written by save(), and only what differs from what was read. */
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

  /** `UPDATE … WHERE id`, whatever has become of the row; nothing when nothing was changed. */
  async save(client: pg.Client): Promise<void> {
    const columns = Object.keys(this.changes);
    if (columns.length === 0) return;
    this.changes.updated_at = new Date().toISOString();
    const all = Object.keys(this.changes);
    const values = all.map((column) => databaseValue(this.changes[column]));
    await client.query(
      `UPDATE ${this.table} SET ${all.map((column, n) => `${column} = $${n + 2}`).join(', ')} WHERE id = $1`,
      [this.id, ...values],
    );
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
    if (!rows[0]) throw new Error(`The row ${this.id} of ${this.table} is gone.`);
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
  await client.query(
    `INSERT INTO ${table} (${columns.join(', ')}) VALUES (${columns.map((_, n) => `$${n + 1}`).join(', ')})`,
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
