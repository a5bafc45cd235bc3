import { type FormField, readForm, decodeUtf8 } from './multipart';

/*
 * Validates the request bodies that React's client produces for Server Actions: JSON arguments in
 * which `$` strings encode other types. References between parts, streams, promises, files and big
 * integers are rejected: no page of the console sends them, and each costs React's parser work.
 */

/** Well above what the pages send: two arguments, at most 500 ids. */
const MAX_ARGUMENTS = 10;
const MAX_VALUES = 5_000;
const MAX_DEPTH = 12;
const ID = /^[0-9a-f]{42}$/;

/** Whether the text has the form of a Server Action id. */
export const isActionId = (id: string) => ID.test(id);

/** Whether the body of a request with a Next-Action header is a valid list of arguments. */
export function isCallBody(contentType: string, body: Buffer): boolean {
  if (contentType.startsWith('application/x-www-form-urlencoded')) return false;
  if (!contentType.startsWith('multipart/form-data')) {
    const text = decodeUtf8(body);
    return text !== null && isArguments(text, null);
  }
  const fields = readForm(contentType, body);
  const root = fields?.filter(({ name }) => name === '0') ?? [];
  return fields !== null && root.length === 1 && isArguments(root[0]?.value ?? '', fields);
}

/** `fields` are the multipart fields that FormData arguments (`$K1`) refer to. */
function isArguments(text: string, fields: FormField[] | null): boolean {
  const forms = new Set<string>();
  const values = parseJson(text, (string) => {
    if (!string.startsWith('$') || string.startsWith('$$') || SPECIAL_VALUES.has(string))
      return true;
    const form = /^\$K([0-9a-f]{1,3})$/.exec(string)?.[1];
    if (form === undefined || fields === null) return false;
    forms.add(form);
    return true;
  });
  return (
    Array.isArray(values) &&
    values.length <= MAX_ARGUMENTS &&
    (fields ?? []).every(
      ({ name }) => name === '0' || forms.has(/^_([0-9a-f]{1,3})_/.exec(name)?.[1] ?? ''),
    )
  );
}

const SPECIAL_VALUES = new Set(['$undefined', '$NaN', '$Infinity', '$-Infinity', '$-0']);

/** The action id of a form sent without JavaScript; null if its fields contain none or several. */
export function actionOfForm(contentType: string, body: Buffer): string | null {
  const fields = readForm(contentType, body);
  if (!fields) return null;
  const actionFields = fields.filter(({ name }) => name.startsWith('$'));
  const [first] = actionFields.filter(({ name }) => /^\$ACTION_(ID|REF)_/.test(name));
  if (!first) return null;
  const id = first.name.slice('$ACTION_ID_'.length);
  if (first.name.startsWith('$ACTION_ID_'))
    return actionFields.length === 1 && isActionId(id) ? id : null;
  return boundAction(actionFields, first.name.slice('$ACTION_REF_'.length));
}

/**
 * The id of an action with bound arguments, which React encodes in the fields `$ACTION_REF_1`,
 * `$ACTION_1:0` (the action), `$ACTION_1:1` (its bound arguments) and `$ACTION_KEY`.
 */
function boundAction(actionFields: FormField[], number: string): string | null {
  const values = new Map(actionFields.map(({ name, value }) => [name, value]));
  const targetField = `$ACTION_${number}:0`;
  const argumentsField = `$ACTION_${number}:1`;
  const names = new Set([`$ACTION_REF_${number}`, targetField, argumentsField, '$ACTION_KEY']);
  const isOnce =
    values.size === actionFields.length && actionFields.every(({ name }) => names.has(name));
  if (!/^\d{1,3}$/.test(number) || !isOnce) return null;
  const target = /^\{"id":"([0-9a-f]{42})","bound":(null|"\$@1")\}$/.exec(
    values.get(targetField) ?? '',
  );
  const hasBound = target?.[2] !== 'null';
  if (!target || hasBound !== values.has(argumentsField)) return null;
  return !hasBound || isArguments(values.get(argumentsField) ?? '', null)
    ? (target[1] ?? null)
    : null;
}

/**
 * Parses JSON of bounded depth and size; undefined for invalid JSON, a key `__proto__` or a string
 * that `isValid` rejects. The depth is checked first, because React's parser recurses.
 */
function parseJson(text: string, isValid: (text: string) => boolean): unknown {
  if (depthOf(text) > MAX_DEPTH) return undefined;
  let values = 0;
  try {
    return JSON.parse(text, (key, value: unknown) => {
      values += 1;
      const isBad =
        values > MAX_VALUES ||
        key === '__proto__' ||
        (typeof value === 'string' && !isValid(value));
      if (isBad) throw new SyntaxError('Not the body of a Server Action.');
      return value;
    });
  } catch {
    return undefined;
  }
}

/** Nesting depth of JSON; for invalid JSON never less than the depth a parser would reach. */
function depthOf(text: string): number {
  let depth = 0;
  let deepest = 0;
  let isInString = false;
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at];
    if (isInString) {
      if (char === '\\') at += 1;
      else if (char === '"') isInString = false;
    } else if (char === '"') isInString = true;
    else if (char === '[' || char === '{') {
      depth += 1;
      deepest = Math.max(deepest, depth);
    } else if (char === ']' || char === '}') depth -= 1;
  }
  return deepest;
}
