import { type FormField, readForm, textOf } from './multipart';

/*
 * The bodies that React's client makes for the console's Server Actions: a list of arguments as JSON, with strings that
 * begin with `$` for what JSON has not. Of those only what the console's own pages send is a valid one: references
 * between parts, streams, promises, files and big integers are none of theirs, and each is work for the parser behind.
 */

/** An action has two arguments at most, and an argument lists 500 ids at most. */
const MAX_ARGUMENTS = 10;
const MAX_VALUES = 5_000;
const MAX_DEPTH = 12;
const ID = /^[0-9a-f]{42}$/;

/** Whether a text looks like the id of a Server Action at all. */
export const isActionId = (id: string) => ID.test(id);

/** Whether the body of a request with a Next-Action header is a list of arguments. */
export function isCallBody(contentType: string, body: Buffer): boolean {
  if (contentType.startsWith('application/x-www-form-urlencoded')) return false;
  if (!contentType.startsWith('multipart/form-data')) {
    const text = textOf(body);
    return text !== null && isArguments(text, null);
  }
  const fields = readForm(contentType, body);
  const root = fields?.filter(({ name }) => name === '0') ?? [];
  return fields !== null && root.length === 1 && isArguments(root[0]?.value ?? '', fields);
}

/** `fields`: the parts that a FormData among the arguments is made of. */
function isArguments(text: string, fields: FormField[] | null): boolean {
  const forms = new Set<string>();
  const values = readJson(text, (string) => {
    if (!string.startsWith('$') || string.startsWith('$$') || PLAIN.has(string)) return true;
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

const PLAIN = new Set(['$undefined', '$NaN', '$Infinity', '$-Infinity', '$-0']);

/** The action that a form without JavaScript was sent to; null: its fields name none, or more than one. */
export function actionOfForm(contentType: string, body: Buffer): string | null {
  const fields = readForm(contentType, body);
  if (!fields) return null;
  const own = fields.filter(({ name }) => name.startsWith('$'));
  const [first] = own.filter(({ name }) => /^\$ACTION_(ID|REF)_/.test(name));
  if (!first) return null;
  const id = first.name.slice('$ACTION_ID_'.length);
  if (first.name.startsWith('$ACTION_ID_')) return own.length === 1 && isActionId(id) ? id : null;
  return boundAction(own, first.name.slice('$ACTION_REF_'.length));
}

/** `$ACTION_REF_1`, `$ACTION_1:0` (which action), `$ACTION_1:1` (its first arguments) and `$ACTION_KEY`. */
function boundAction(own: FormField[], number: string): string | null {
  const values = new Map(own.map(({ name, value }) => [name, value]));
  const [which, bound] = [`$ACTION_${number}:0`, `$ACTION_${number}:1`];
  const names = new Set([`$ACTION_REF_${number}`, which, bound, '$ACTION_KEY']);
  const isOnce = values.size === own.length && own.every(({ name }) => names.has(name));
  if (!/^\d{1,3}$/.test(number) || !isOnce) return null;
  const target = /^\{"id":"([0-9a-f]{42})","bound":(null|"\$@1")\}$/.exec(values.get(which) ?? '');
  const hasBound = target?.[2] !== 'null';
  if (!target || hasBound !== values.has(bound)) return null;
  return !hasBound || isArguments(values.get(bound) ?? '', null) ? (target[1] ?? null) : null;
}

/**
 * JSON of bounded depth and size, of which `isValid` takes every string and no key is `__proto__`; undefined for any
 * other text. Its depth is measured before it is parsed, since whoever reads it behind goes down by recursion.
 */
function readJson(text: string, isValid: (text: string) => boolean): unknown {
  if (depthOf(text) > MAX_DEPTH) return undefined;
  let values = 0;
  try {
    return JSON.parse(text, (key, value: unknown) => {
      values += 1;
      const isBad =
        values > MAX_VALUES ||
        key === '__proto__' ||
        (typeof value === 'string' && !isValid(value));
      if (isBad) throw new SyntaxError('No body of an action.');
      return value;
    });
  } catch {
    return undefined;
  }
}

/** Of brackets outside of strings; of a text that is no JSON at least what a parser would go down. */
function depthOf(text: string): number {
  let [depth, deepest, inString] = [0, 0, false];
  for (let at = 0; at < text.length; at += 1) {
    const sign = text[at];
    if (inString) {
      if (sign === '\\') at += 1;
      else if (sign === '"') inString = false;
    } else if (sign === '"') inString = true;
    else if (sign === '[' || sign === '{') deepest = Math.max(deepest, (depth += 1));
    else if (sign === ']' || sign === '}') depth -= 1;
  }
  return deepest;
}
