import { STEP_SIZE, type Steps } from '../core/steps';
import type { Json } from '../good-job/json';

type Container = Exclude<Json, { kind: 'scalar' }>;

/** Rewrites JSON from the root down. `Context` is what a value inherits from the containers around it. */
export interface JsonVisitor<Context> {
  /** The replacement of a value; undefined: it is a container whose content is visited. */
  enter(value: Json, context: Context): Steps<Json | undefined>;
  /** What the values of a container inherit, by their place; called once a container. */
  inner(container: Container, context: Context): InnerContext<Context>;
}

export interface InnerContext<Context> {
  item(index: number): Context;
  entry(key: string): Context;
  /** The key to print; undefined: the key as it is. */
  key?(key: string): string | undefined;
}

interface Frame<Context> {
  source: Container;
  target: Container;
  inner: InnerContext<Context>;
  next: number;
}

/** The JSON that the visitor makes of this, in steps and without recursion. */
export function* transformJson<Context>(
  root: Json,
  context: Context,
  visitor: JsonVisitor<Context>,
): Steps<Json> {
  const frames: Frame<Context>[] = [];
  let count = 0;
  let result = yield* open(root, context);
  while (frames.length > 0) {
    const frame = frames[frames.length - 1] as Frame<Context>;
    if (result) {
      add(frame, result);
      result = undefined;
    }
    count += 1;
    if (count % (STEP_SIZE / 4) === 0) yield;
    const { source, next, inner } = frame;
    frame.next += 1;
    if (source.kind === 'array' && next < source.items.length)
      result = yield* open(source.items[next] as Json, inner.item(next));
    else if (source.kind === 'object' && next < source.entries.length) {
      const entry = source.entries[next] as { key: string; value: Json };
      result = yield* open(entry.value, inner.entry(entry.key));
    } else {
      result = frame.target;
      frames.pop();
    }
  }
  return result ?? root;

  function* open(value: Json, own: Context): Steps<Json | undefined> {
    const replacement = yield* visitor.enter(value, own);
    if (replacement || value.kind === 'scalar') return replacement ?? value;
    frames.push({
      source: value,
      target:
        value.kind === 'array' ? { kind: 'array', items: [] } : { kind: 'object', entries: [] },
      inner: visitor.inner(value, own),
      next: 0,
    });
    return undefined;
  }
}

function add<Context>({ source, target, inner, next }: Frame<Context>, value: Json): void {
  if (target.kind === 'array') target.items.push(value);
  else if (source.kind === 'object') {
    const key = source.entries[next - 1]?.key ?? '';
    target.entries.push({ key: inner.key?.(key) ?? key, value });
  }
}
