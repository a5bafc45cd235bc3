import { type Node, parseTree } from 'jsonc-parser';

/*
 * JSON as text, never through JSON.parse: that would change 12345678901234567890 and 1.10, and reorder
 * integer-like keys. Scalars are printed with the very characters that Postgres gave.
 */

/** A JSON value whose scalars are kept as their source text. */
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

/** Levels that are read: what is nested deeper would end the stack of whatever walks through it. */
const DEEPEST = 500;
/** Stands for what is nested deeper; told from a string that says the same by being this very object. */
export const TOO_DEEP: Json = scalar('[nested too deep]');
/** In the text: a string that jsonb cannot hold. */
const TOO_DEEP_TEXT = '"\\u0000"';

/** Throws SyntaxError for text that is no JSON. */
export function parseJson(given: string): Json {
  const text = withoutDepths(given);
  const errors: unknown[] = [];
  const node = parseTree(text, errors as never[], {
    disallowComments: true,
    allowTrailingComma: false,
  });
  if (!node || errors.length > 0) throw new SyntaxError('The text is not JSON.');
  return fromNode(node, text);
}

/** The text with TOO_DEEP_TEXT in the place of each array or object below the DEEPEST level. */
function withoutDepths(text: string): string {
  if (text.length <= 2 * DEEPEST) return text;
  let [depth, quoted, shown, at] = [0, false, '', 0];
  for (let n = 0; n < text.length; n += 1) {
    const char = text.charCodeAt(n);
    if (quoted) {
      if (char === 0x5c) n += 1;
      else if (char === 0x22) quoted = false;
    } else if (char === 0x22) quoted = true;
    else if (char === 0x5b || char === 0x7b) {
      if (depth === DEEPEST) shown += text.slice(at, n) + TOO_DEEP_TEXT;
      depth += 1;
    } else if (char === 0x5d || char === 0x7d) {
      depth -= 1;
      if (depth === DEEPEST) at = n + 1;
    }
  }
  return shown === '' ? text : shown + text.slice(at);
}

function fromNode(node: Node, text: string): Json {
  switch (node.type) {
    case 'object':
      return {
        kind: 'object',
        entries: (node.children ?? []).map(({ children }) => ({
          key: String(children?.[0]?.value),
          value: children?.[1] ? fromNode(children[1], text) : scalar(null),
        })),
      };
    case 'array':
      return { kind: 'array', items: (node.children ?? []).map((child) => fromNode(child, text)) };
    default:
      return node.length === TOO_DEEP_TEXT.length && text.startsWith(TOO_DEEP_TEXT, node.offset)
        ? TOO_DEEP
        : { kind: 'scalar', text: text.slice(node.offset, node.offset + node.length) };
  }
}

export function get(json: Json, key: string): Json | undefined {
  return json.kind === 'object'
    ? json.entries.find((entry) => entry.key === key)?.value
    : undefined;
}

/** A string scalar's value; undefined for anything else. */
export function stringOf(json: Json | undefined): string | undefined {
  if (json?.kind !== 'scalar' || !json.text.startsWith('"')) return undefined;
  return JSON.parse(json.text) as string;
}

/**
 * Decides on each value before it is printed: another value to print in its place, or undefined to keep it.
 * `path` holds the object keys and array indexes from the root.
 */
export type Redactor = (path: readonly (string | number)[], value: Json) => Json | undefined;

/** Applies the redaction step; every JSON that leaves the server goes through it. */
export function redactJson(
  json: Json,
  redactor: Redactor,
  path: readonly (string | number)[] = [],
): Json {
  const replaced = redactor(path, json);
  if (replaced) return replaced;
  if (json.kind === 'array')
    return {
      kind: 'array',
      items: json.items.map((item, index) => redactJson(item, redactor, [...path, index])),
    };
  if (json.kind === 'scalar') return json;
  return {
    kind: 'object',
    entries: json.entries.map(({ key, value }) => ({
      key,
      value: redactJson(value, redactor, [...path, key]),
    })),
  };
}

/** Prints as Ruby's JSON.pretty_generate does: two spaces, one entry a line, `{}` and `[]` when empty. */
export function prettyJson(json: Json, indent = ''): string {
  if (json.kind === 'scalar') return json.text;
  const inner = `${indent}  `;
  const lines =
    json.kind === 'array'
      ? json.items.map((item) => inner + prettyJson(item, inner))
      : json.entries.map(
          ({ key, value }) => `${inner}${JSON.stringify(key)}: ${prettyJson(value, inner)}`,
        );
  const [open, close] = json.kind === 'array' ? ['[', ']'] : ['{', '}'];
  return lines.length === 0 ? open + close : `${open}\n${lines.join(',\n')}\n${indent}${close}`;
}

/** Prints on one line, for a file with a value a line. */
export function compactJson(json: Json): string {
  if (json.kind === 'scalar') return json.text;
  if (json.kind === 'array') return `[${json.items.map(compactJson).join(',')}]`;
  return `{${json.entries.map(({ key, value }) => `${JSON.stringify(key)}:${compactJson(value)}`).join(',')}}`;
}
