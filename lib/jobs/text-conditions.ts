import sql, { type Sql, join } from 'sql-template-tag';

export const escapeLike = (text: string) => text.replaceAll(/[\\%_]/g, '\\$&');

/**
 * A substring, whatever its case: the parts in their order, with any characters between them. LIKE is the faster one
 * where no character has a case: digits, Japanese.
 */
export function contains(column: Sql, parts: readonly string[]): Sql {
  const pattern = `%${parts.map(escapeLike).join('%')}%`;
  const text = parts.join('');
  return text.toLowerCase() === text.toUpperCase()
    ? sql`${column} LIKE ${pattern}`
    : sql`${column} ILIKE ${pattern}`;
}

/** The arguments as jsonb prints them: what the text search looks at, and what an index for it is made on. */
export const ARGUMENTS_TEXT = sql`(j.serialized_params -> 'arguments')::text`;

/** A string of JSON is printed with some characters escaped; JSON itself may have been pasted. */
export function spellings(parts: readonly string[]): (readonly string[])[] {
  const escaped = parts.map((part) => JSON.stringify(part).slice(1, -1));
  return escaped.every((part, n) => part === parts[n]) ? [parts] : [escaped, parts];
}

/** `contains` for a text that is here and not in the database. */
export function includesParts(text: string, parts: readonly string[]): boolean {
  const lower = text.toLowerCase();
  let from = 0;
  for (const part of parts) {
    const at = lower.indexOf(part.toLowerCase(), from);
    if (at < 0) return false;
    from = at + part.length;
  }
  return true;
}

export const containsAny = (conditions: Sql[]): Sql => join(conditions, ' OR ', '(', ')');

/**
 * Joined by a character that the text has not: a fifth of the time that looking at each label takes. A wildcard would
 * reach from one label into the next.
 */
function inLabels(parts: readonly string[]): Sql {
  const between =
    parts.length === 1 ? ['\u0001', '\u0002'].find((char) => !parts[0]?.includes(char)) : undefined;
  return between
    ? contains(sql`array_to_string(j.labels, ${between})`, parts)
    : sql`EXISTS (SELECT 1 FROM unnest(j.labels) l WHERE ${contains(sql`l`, parts)})`;
}

/** A substring, whatever its case, of class, arguments, error or a label. The cheap ones first. */
export function containsText(parts: readonly string[], argumentsText = ARGUMENTS_TEXT): Sql {
  return containsAny([
    contains(sql`j.job_class`, parts),
    contains(sql`j.error`, parts),
    ...spellings(parts).map((spelling) => contains(argumentsText, spelling)),
    inLabels(parts),
  ]);
}
