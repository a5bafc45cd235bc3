import { type Json, scalar, stringOf } from '../core/json';
import type { Steps } from '../core/steps';
import { isActiveJobMark, isMarkKey } from './harmless-values';
import { type SecretRegistry, couldRepeatSecret } from './secret-registry';

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

/*
 * Hides the repeats of a row's hidden values in all other strings, numbers and keys of its JSON. Once the registry has
 * overflowed, every string, number and key of the row's own data that could repeat an unknown value is hidden whole.
 */

/** What a value is part of: the columns of a job (or the members of its payload), or data of the application. */
interface Context {
  isColumn: boolean;
  isShown: boolean;
  /** A column that holds no text of the application: an id or a time. */
  isFixed: boolean;
}

const FIXED_COLUMN =
  /^(?:id|.*_id|.*_at|priority|executions|executions_count|error_event|locale|timezone)$/;
const FIXED_VALUE =
  /^(?:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\d{4}-\d\d-\d\d[T ][\d:.]{5,15}(?:Z|UTC|[+-]\d\d:?\d\d)?|\d{1,9}|[a-z]{2}|UTC|interrupted|unhandled|handled|retried|retry_stopped|discarded)$/i;

/** What the JSON is: the row or the payload of a job, whose class stays readable, or data of the application. */
type Owner = 'job' | 'arguments' | 'other';

/** Columns of GoodJob and members of Active Job's payload. Any other key is the application's. */
const COLUMNS = new Set(
  `id queue_name priority serialized_params scheduled_at performed_at finished_at error created_at updated_at active_job_id
   concurrency_key cron_key retried_good_job_id cron_at batch_id batch_callback_id is_discrete executions_count job_class
   error_event labels locked_by_id locked_at lock_type duration process_id error_backtrace description serialized_properties
   on_finish on_success on_discard callback_queue_name callback_priority enqueued_at discarded_at jobs_finished_at
   job_id provider_job_id arguments executions exception_executions locale timezone good_job_labels good_job_notify
   good_job_concurrency_key _good_job _good_job_execution params`.split(/\s+/),
);
/** Parts of a row whose members are columns too. */
const ROW_PARTS = /^(?:serialized_params|params|_good_job|_good_job_execution)$/;

/** Hides in JSON, in steps, what the registry of its row has. */
export function hideRepeats(
  json: Json,
  secrets: SecretRegistry,
  marker: string,
  of: Owner,
): Steps<Json> {
  const visitor = new RepeatHider(secrets, marker, of);
  return transformJson(
    json,
    { isColumn: of !== 'arguments', isShown: false, isFixed: false },
    visitor,
  );
}

class RepeatHider implements JsonVisitor<Context> {
  constructor(
    private readonly secrets: SecretRegistry,
    private readonly marker: string,
    private readonly of: Owner,
  ) {}

  *enter(json: Json, { isShown, isFixed }: Context): Steps<Json | undefined> {
    if (isShown) return json;
    if (json.kind !== 'scalar') return undefined;
    const text = stringOf(json) ?? json.text;
    if (text.length < 4) return json;
    const redacted = yield* this.hide(text, isFixed);
    return redacted === text ? json : scalar(redacted);
  }

  inner(
    container: Exclude<Json, { kind: 'scalar' }>,
    { isColumn }: Context,
  ): InnerContext<Context> {
    const data: Context = { isColumn: false, isShown: false, isFixed: false };
    const ownColumns = isColumn && container.kind === 'object';
    return {
      item: () => data,
      entry: (key, value) => {
        if (key === '_aj_serialized') return { ...data, isShown: isActiveJobMark(key, value) };
        if (!ownColumns) return data;
        return {
          isColumn: this.of === 'job' && ROW_PARTS.test(key),
          isShown: this.of === 'job' && key === 'job_class' && value.kind === 'scalar',
          isFixed: this.of === 'job' && FIXED_COLUMN.test(key),
        };
      },
      key: (key) => this.key(key, ownColumns && COLUMNS.has(key)),
    };
  }

  private *key(key: string, isColumn: boolean): Steps<string> {
    if (key.length < 4 || isColumn || isMarkKey(key)) return key;
    const { secrets, marker } = this;
    if (secrets.overflowed && couldRepeatSecret(key)) return marker;
    return yield* secrets.hideSteps(key, marker);
  }

  private *hide(text: string, isFixed: boolean): Steps<string> {
    const { secrets, marker } = this;
    if (secrets.overflowed && couldRepeatSecret(text) && !(isFixed && FIXED_VALUE.test(text)))
      return marker;
    return yield* secrets.hideSteps(text, marker);
  }
}
