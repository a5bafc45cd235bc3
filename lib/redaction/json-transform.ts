import type { Steps } from '../core/steps';
import type { Json } from '../good-job/json';

/** Characters of keys and scalars in one step, and what each value counts besides. */
const MAX_WORK = 8_192;
const WORK_PER_NODE = 8;

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
  entry(key: string, value: Json): Context;
  /** The key to print. */
  key?(key: string): Steps<string>;
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
  let work = 0;
  let result = yield* open(root, context);
  while (frames.length > 0) {
    const frame = frames[frames.length - 1] as Frame<Context>;
    if (result) {
      yield* add(frame, result);
      result = undefined;
    }
    if (work > MAX_WORK) {
      work = 0;
      yield;
    }
    const { source, next, inner } = frame;
    frame.next += 1;
    if (source.kind === 'array' && next < source.items.length)
      result = yield* open(source.items[next] as Json, inner.item(next));
    else if (source.kind === 'object' && next < source.entries.length) {
      const entry = source.entries[next] as { key: string; value: Json };
      work += entry.key.length;
      result = yield* open(entry.value, inner.entry(entry.key, entry.value));
    } else {
      result = frame.target;
      frames.pop();
    }
  }
  return result ?? root;

  function* open(value: Json, own: Context): Steps<Json | undefined> {
    work += value.kind === 'scalar' ? WORK_PER_NODE + value.text.length : WORK_PER_NODE;
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

function* add<Context>({ source, target, inner, next }: Frame<Context>, value: Json): Steps<void> {
  if (target.kind === 'array') target.items.push(value);
  else if (source.kind === 'object') {
    const key = source.entries[next - 1]?.key ?? '';
    target.entries.push({ key: inner.key ? yield* inner.key(key) : key, value });
  }
}
