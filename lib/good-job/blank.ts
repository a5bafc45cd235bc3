import sql, { type Sql } from 'sql-template-tag';

/**
 * Ruby's `blank?` for text: nothing but white space, Unicode's included. Spelled out, because what Postgres'
 * [[:space:]] matches depends on the database's locale.
 */
const BLANK = '^[\\s\\u0085\\u00A0\\u1680\\u2000-\\u200A\\u2028\\u2029\\u202F\\u205F\\u3000]*$';

/** Characters that are examined first. */
const BEGINNING = 1_000;

export function isBlank(text: Sql): Sql {
  // A regular expression reads its text from end to end; nearly every text shows at its beginning that it is not blank.
  return sql`CASE WHEN left(coalesce(${text}, ''), ${BEGINNING}::int) !~ ${BLANK} THEN false
    ELSE coalesce(${text}, '') ~ ${BLANK} END`;
}

export function blankText(text: string | null): boolean {
  return text === null || /^[\s\u0085]*$/.test(text);
}
