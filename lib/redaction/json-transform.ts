import { type Json, scalar, stringOf } from '../core/json';
import type { Steps } from '../core/steps';
import { multilineRegExp, wordList } from '../core/text';
import { isActiveJobKey, isActiveJobMetadata } from './harmless-values';
import { type SecretRegistry, couldRepeatSecret } from './secret-registry';

/** Characters of keys and scalars in one step. Each value costs WORK_PER_NODE in addition. */
const MAX_WORK = 8_192;
const WORK_PER_NODE = 8;

type Container = Exclude<Json, { kind: 'scalar' }>;

/**
 * Rewrites JSON from the root down. A value inherits its `Context` from the containers around it.
 */
export interface JsonVisitor<Context> {
  /** The replacement of a value; undefined: visit the children of this container. */
  enter(value: Json, context: Context): Json | undefined | Steps<Json | undefined>;
  /** The contexts of a container's children. Called once per container. */
  children(container: Container, context: Context): ChildContext<Context>;
}

export interface ChildContext<Context> {
  item(index: number): Context;
  entry(key: string, value: Json): Context;
  /** The replacement of a key. Without this method keys are unchanged. */
  key?(key: string): string | Steps<string>;
}

/** A container whose children are visited. */
interface Frame<Context> {
  source: Container;
  target: Container;
  children: ChildContext<Context>;
  next: number;
}

interface Node<Context> {
  value: Json;
  context: Context;
}

const isSteps = <Result>(result: Result | Steps<Result>): result is Steps<Result> =>
  typeof result === 'object' && result !== null && 'next' in result;

/**
 * The JSON rewritten by the visitor. Yields between bounded steps, and does not recurse, so any
 * depth is safe.
 */
export function* transformJson<Context>(
  root: Json,
  rootContext: Context,
  visitor: JsonVisitor<Context>,
): Steps<Json> {
  const frames: Frame<Context>[] = [];
  let work = 0;
  let node: Node<Context> | null = { value: root, context: rootContext };
  let result: Json | undefined;
  for (;;) {
    if (node) {
      work += workFor(node.value);
      const entered = visitor.enter(node.value, node.context);
      result = isSteps(entered) ? yield* entered : entered;
      if (!result && node.value.kind !== 'scalar')
        frames.push(frameFor(node.value, node.context, visitor));
      else result ??= node.value;
    }
    const frame = frames.at(-1);
    if (!frame) return result ?? root;
    if (result) {
      const key = lastKey(frame);
      work += key.length;
      const redactedKey = frame.children.key?.(key) ?? key;
      append(frame.target, isSteps(redactedKey) ? yield* redactedKey : redactedKey, result);
    }
    if (work > MAX_WORK) {
      work = 0;
      yield;
    }
    node = nextChild(frame);
    result = node ? undefined : frames.pop()?.target;
  }
}

const workFor = (value: Json): number =>
  WORK_PER_NODE + (value.kind === 'scalar' ? value.text.length : 0);

function frameFor<Context>(
  source: Container,
  context: Context,
  visitor: JsonVisitor<Context>,
): Frame<Context> {
  const target: Container =
    source.kind === 'array' ? { kind: 'array', items: [] } : { kind: 'object', entries: [] };
  return { source, target, children: visitor.children(source, context), next: 0 };
}

/** The next child of the container; null at its end. */
function nextChild<Context>(frame: Frame<Context>): Node<Context> | null {
  const { source, children, next } = frame;
  frame.next += 1;
  if (source.kind === 'array') {
    const value = source.items[next];
    return value ? { value, context: children.item(next) } : null;
  }
  const entry = source.entries[next];
  return entry ? { value: entry.value, context: children.entry(entry.key, entry.value) } : null;
}

/** The key of the child that was visited last; '' in an array. */
function lastKey<Context>({ source, next }: Frame<Context>): string {
  return source.kind === 'object' ? (source.entries[next - 1]?.key ?? '') : '';
}

function append(target: Container, key: string, value: Json): void {
  if (target.kind === 'array') target.items.push(value);
  else target.entries.push({ key, value });
}

/*
 * Hides repeats of a row's hidden values in all other strings, numbers and keys of its JSON. Once
 * the registry has overflowed, every string, number and key that could repeat an unregistered value
 * is hidden whole.
 */

/**
 * The position of a value: in a column of a job, in a member of its payload, or in application
 * data.
 */
interface Context {
  /** A GoodJob row or an Active Job payload, whose known keys stay readable. */
  isColumn: boolean;
  /** Never hidden. */
  isVisible: boolean;
  /** A column without application text: an id or a time. */
  isFixed: boolean;
}

const FIXED_COLUMN =
  /^(?:id|.*_id|.*_at|priority|executions|executions_count|error_event|locale|timezone)$/;
const FIXED_VALUE = multilineRegExp('i')`
  ^(?:
    [0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}
    |\d{4}-\d\d-\d\d[T ][\d:.]{5,15}(?:Z|UTC|[+-]\d\d:?\d\d)?|\d{1,9}|[a-z]{2}|UTC|interrupted
    |unhandled|handled|retried|retry_stopped|discarded
  )$`;

/**
 * The JSON is the row or payload of a job (`job`), whose class stays readable, or application data.
 */
type Owner = 'job' | 'arguments' | 'other';

/**
 * Columns of GoodJob's tables and members of Active Job's payload. Any other key belongs to the
 * application.
 */
const COLUMNS = new Set(
  wordList(`
    id queue_name priority serialized_params scheduled_at performed_at finished_at error
    created_at updated_at active_job_id concurrency_key cron_key retried_good_job_id cron_at
    batch_id batch_callback_id is_discrete executions_count job_class error_event labels
    locked_by_id locked_at lock_type duration process_id error_backtrace description
    serialized_properties on_finish on_success on_discard callback_queue_name callback_priority
    enqueued_at discarded_at jobs_finished_at job_id provider_job_id arguments executions
    exception_executions locale timezone good_job_labels good_job_notify good_job_concurrency_key
    _good_job _good_job_execution params
  `),
);
/** Members of a row that contain columns themselves. */
const ROW_PARTS = /^(?:serialized_params|params|_good_job|_good_job_execution)$/;

/** The JSON with every value of the registry hidden. Yields between bounded steps. */
export function hideRepeats(
  json: Json,
  secrets: SecretRegistry,
  marker: string,
  owner: Owner,
): Steps<Json> {
  const visitor = new RepeatHider(secrets, marker, owner);
  const context = { isColumn: owner !== 'arguments', isVisible: false, isFixed: false };
  return transformJson(json, context, visitor);
}

class RepeatHider implements JsonVisitor<Context> {
  constructor(
    private readonly secrets: SecretRegistry,
    private readonly marker: string,
    private readonly owner: Owner,
  ) {}

  enter(json: Json, { isVisible, isFixed }: Context): Json | undefined | Steps<Json | undefined> {
    if (isVisible) return json;
    if (json.kind !== 'scalar') return undefined;
    const text = stringOf(json) ?? json.text;
    if (text.length < 4) return json;
    const redacted = this.hideInText(text, isFixed);
    return typeof redacted === 'string'
      ? replaceText(json, text, redacted)
      : replaceLater(json, text, redacted);
  }

  children(
    container: Exclude<Json, { kind: 'scalar' }>,
    { isColumn }: Context,
  ): ChildContext<Context> {
    const data: Context = { isColumn: false, isVisible: false, isFixed: false };
    const hasColumns = isColumn && container.kind === 'object';
    return {
      item: () => data,
      entry: (key, value) => {
        if (key === '_aj_serialized')
          return { ...data, isVisible: isActiveJobMetadata(key, value) };
        if (!hasColumns) return data;
        return {
          isColumn: this.owner === 'job' && ROW_PARTS.test(key),
          isVisible: this.owner === 'job' && key === 'job_class' && value.kind === 'scalar',
          isFixed: this.owner === 'job' && FIXED_COLUMN.test(key),
        };
      },
      key: (key) => this.hideInKey(key, hasColumns && COLUMNS.has(key)),
    };
  }

  private hideInKey(key: string, isColumn: boolean): string | Steps<string> {
    if (key.length < 4 || isColumn || isActiveJobKey(key)) return key;
    const { secrets, marker } = this;
    if (secrets.overflowed && couldRepeatSecret(key)) return marker;
    return secrets.hideNow(key, marker) ?? secrets.hideSteps(key, marker);
  }

  private hideInText(text: string, isFixed: boolean): string | Steps<string> {
    const { secrets, marker } = this;
    if (secrets.overflowed && couldRepeatSecret(text) && !(isFixed && FIXED_VALUE.test(text)))
      return marker;
    return secrets.hideNow(text, marker) ?? secrets.hideSteps(text, marker);
  }
}

function* replaceLater(json: Json, text: string, redacted: Steps<string>): Steps<Json> {
  return replaceText(json, text, yield* redacted);
}

const replaceText = (json: Json, text: string, redacted: string): Json =>
  redacted === text ? json : scalar(redacted);
