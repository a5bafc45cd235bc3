/** A JSON value whose scalars are stored as their source text. */
export type Json =
  | { kind: 'object'; entries: { key: string; value: Json }[] }
  | { kind: 'array'; items: Json[] }
  | { kind: 'scalar'; text: string };

export const scalar = (value: string | number | boolean | null): Json => ({
  kind: 'scalar',
  text: JSON.stringify(value),
});
export const object = (entries: [string, Json][]): Json => ({
  kind: 'object',
  entries: entries.map(([key, value]) => ({ key, value })),
});

/** Levels of containers that are parsed. Code that works on Json may recurse: it is never deeper. */
export const MAX_DEPTH = 500;
/** Replaces a container below MAX_DEPTH; compare by identity, because a string may say the same. */
export const TOO_DEEP: Json = scalar('[nested too deep]');

export function get(json: Json, key: string): Json | undefined {
  return json.kind === 'object'
    ? json.entries.find((entry) => entry.key === key)?.value
    : undefined;
}

/** A string scalar's value; undefined for anything else. */
export function stringOf(json: Json | undefined): string | undefined {
  if (json?.kind !== 'scalar' || !json.text.startsWith('"')) return undefined;
  return json.text.includes('\\') ? (JSON.parse(json.text) as string) : json.text.slice(1, -1);
}
