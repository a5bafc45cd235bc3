import { type Json, parseSteps } from './json';
import { STEP_SIZE, type Steps, type TextBudget, runInSteps, runToEnd } from './steps';
import { escapeBidi } from './text';

/*
 * JSON as text, never through JSON.parse: that would change 12345678901234567890 and 1.10, and reorder
 * integer-like keys. Scalars are printed with the very characters that Postgres gave, but for bidirectional
 * controls, which are printed as JSON escapes.
 */

/** Throws SyntaxError for text that is not JSON. */
export function parseJson(text: string): Json {
  return validJson(runToEnd(parseSteps(text)));
}

function validJson(json: Json | undefined): Json {
  if (!json) throw new SyntaxError('The text is not JSON.');
  return json;
}

/**
 * Decides on each value before it is printed: another value to print in its place, or undefined to leave it.
 * `path` holds the object keys and array indexes from the root; it changes after the call.
 */
export type Redactor = (path: readonly (string | number)[], value: Json) => Json | undefined;

/** Applies the redaction step; every JSON that leaves the server goes through it. */
export function redactJson(json: Json, redactor: Redactor): Json {
  const path: (string | number)[] = [];
  const redact = (value: Json): Json => {
    const replacement = redactor(path, value);
    if (replacement) return replacement;
    if (value.kind === 'scalar') return value;
    const at = <Key extends string | number>(key: Key, inner: Json) => {
      path.push(key);
      const redacted = redact(inner);
      path.pop();
      return redacted;
    };
    return value.kind === 'array'
      ? { kind: 'array', items: value.items.map((item, index) => at(index, item)) }
      : {
          kind: 'object',
          entries: value.entries.map((entry) => ({
            key: entry.key,
            value: at(entry.key, entry.value),
          })),
        };
  };
  return redact(json);
}

/** Prints as Ruby's JSON.pretty_generate does: two spaces, one entry a line, `{}` and `[]` when empty. */
/** `parseJson` for large texts: yields to the event loop, and to `budget` where there is one. */
export async function parseJsonInSteps(text: string, budget?: TextBudget): Promise<Json> {
  return validJson(await runInSteps(parseSteps(text), budget));
}

/** `prettyJson` for large values: yields to the event loop. */
export const prettyJsonInSteps = (json: Json): Promise<string> =>
  runInSteps(printSteps(json, 'pretty'));

export const prettyJson = (json: Json): string => runToEnd(printSteps(json, 'pretty'));

/** Prints on one line, for a file with a value a line. */
export const compactJson = (json: Json): string => runToEnd(printSteps(json, 'compact'));

/** `compactJson` for large values: yields to the event loop. */
export const compactJsonInSteps = (json: Json): Promise<string> =>
  runInSteps(printSteps(json, 'compact'));

interface Frame {
  container: Exclude<Json, { kind: 'scalar' }>;
  next: number;
}

const lengthOf = (container: Frame['container']): number =>
  container.kind === 'array' ? container.items.length : container.entries.length;

/** Prints in steps, without recursion. */
export function* printSteps(json: Json, style: 'pretty' | 'compact'): Steps<string> {
  const isPretty = style === 'pretty';
  const colon = isPretty ? ': ' : ':';
  const indents = [''];
  const newLine = (depth: number): string => {
    if (!isPretty) return '';
    while (indents.length <= depth) indents.push(`\n${'  '.repeat(indents.length)}`);
    return depth === 0 ? '\n' : (indents[depth] ?? '');
  };
  const frames: Frame[] = [];
  let printed = '';
  const open = (value: Json) => {
    if (value.kind === 'scalar') printed += value.text;
    else if (lengthOf(value) === 0) printed += value.kind === 'array' ? '[]' : '{}';
    else {
      printed += value.kind === 'array' ? '[' : '{';
      frames.push({ container: value, next: 0 });
    }
  };
  open(json);
  let nextStep = STEP_SIZE;
  while (frames.length > 0) {
    if (printed.length > nextStep) {
      nextStep = printed.length + STEP_SIZE;
      yield;
    }
    const frame = frames[frames.length - 1] as Frame;
    const { container, next } = frame;
    if (next === lengthOf(container)) {
      frames.pop();
      printed += newLine(frames.length);
      printed += container.kind === 'array' ? ']' : '}';
      continue;
    }
    frame.next += 1;
    printed += (next > 0 ? ',' : '') + newLine(frames.length);
    if (container.kind === 'array') open(container.items[next] as Json);
    else {
      const entry = container.entries[next] as { key: string; value: Json };
      printed += JSON.stringify(entry.key) + colon;
      open(entry.value);
    }
  }
  // Such a control can only be inside a string, where its escape means the same.
  return escapeBidi(printed);
}
