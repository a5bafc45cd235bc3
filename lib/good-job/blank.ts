import sql, { type Sql } from 'sql-template-tag';

/**
 * Ruby's `blank?` for text: nothing but white space, Unicode's included. Spelled out, because what Postgres'
 * [[:space:]] matches depends on the database's locale.
 */
const BLANK = '^[\\s\\u0085\\u00A0\\u1680\\u2000-\\u200A\\u2028\\u2029\\u202F\\u205F\\u3000]*$';

export function isBlank(text: Sql): Sql {
  return sql`coalesce(${text}, '') ~ ${BLANK}`;
}

export function blankText(text: string | null): boolean {
  return text === null || /^[\s\u0085]*$/.test(text);
}
