import { type Steps, runInSteps, runToEnd } from '../core/steps';
import { type Json, get, scalar, stringOf } from './json';

/** Keys that ActiveJob::Arguments adds to a hash to remember what its keys were. */
const HASH_MARKS = new Set([
  '_aj_symbol_keys',
  '_aj_ruby2_keywords',
  '_aj_hash_with_indifferent_access',
]);

/** Values that one step decodes. */
const VALUES_PER_STEP = 2_048;

/**
 * Decodes values that ActiveJob::Arguments serialized, to the text that GoodJob's dashboard prints for them
 * (JSON.pretty_generate calls to_s on what is no JSON). A GlobalID stays its `gid://` URI: the record is the
 * app's. A serializer that is not Active Job's own stays as it is stored.
 */
export const decodeActiveJob = (json: Json): Json => runToEnd(decodeSteps(json));

/** `decodeActiveJob` for large values: yields to the event loop. */
export const decodeActiveJobInSteps = (json: Json): Promise<Json> => runInSteps(decodeSteps(json));

/** Recursive: JSON is never deeper than MAX_DEPTH. */
function* decodeSteps(json: Json): Steps<Json> {
  if (json.kind === 'array') {
    const items: Json[] = [];
    for (const item of json.items) {
      if (items.length % VALUES_PER_STEP === VALUES_PER_STEP - 1) yield;
      items.push(item.kind === 'scalar' ? item : yield* decodeSteps(item));
    }
    return { kind: 'array', items };
  }
  if (json.kind === 'scalar') return json;
  // Beside other keys it is none to Active Job either, and those must not be lost.
  const globalId = json.entries.length === 1 ? get(json, '_aj_globalid') : undefined;
  if (globalId) return globalId;
  const serializer = stringOf(get(json, '_aj_serialized'));
  if (serializer !== undefined) return (yield* decodeSerialized(serializer, json)) ?? json;
  const entries: { key: string; value: Json }[] = [];
  for (const [n, { key, value }] of json.entries.entries()) {
    if (n % VALUES_PER_STEP === VALUES_PER_STEP - 1) yield;
    if (!HASH_MARKS.has(key))
      entries.push({ key, value: value.kind === 'scalar' ? value : yield* decodeSteps(value) });
  }
  return { kind: 'object', entries };
}

function* decodeSerialized(serializer: string, json: Json): Steps<Json | undefined> {
  const value = get(json, 'value');
  const text = stringOf(value);
  switch (serializer.replace(/^ActiveJob::Serializers::/, '')) {
    case 'SymbolSerializer':
    case 'ModuleSerializer':
    case 'DateSerializer':
    case 'BigDecimalSerializer':
      return value;
    case 'DateTimeSerializer':
      return text === undefined
        ? undefined
        : scalar(text.replace(/\.\d+/, '').replace(/Z$/, '+00:00'));
    case 'TimeSerializer':
    case 'TimeWithZoneSerializer':
      return text === undefined ? undefined : scalar(rubyTime(text));
    case 'DurationSerializer':
      return value?.kind === 'scalar' && text === undefined ? scalar(value.text) : value;
    case 'RangeSerializer': {
      const exclusive = get(json, 'exclude_end');
      const dots = exclusive?.kind === 'scalar' && exclusive.text === 'true' ? '...' : '..';
      return scalar(
        (yield* boundSteps(get(json, 'begin'))) + dots + (yield* boundSteps(get(json, 'end'))),
      );
    }
    default:
      return undefined;
  }
}

/** The text of one end of a range; empty where it is open. */
function* boundSteps(bound: Json | undefined): Steps<string> {
  const decoded = bound && (yield* decodeSteps(bound));
  return decoded?.kind === 'scalar' && decoded.text !== 'null'
    ? (stringOf(decoded) ?? decoded.text)
    : '';
}

/** `Time#to_s` of an ISO 8601 time: seconds, and `UTC` or the offset. */
function rubyTime(iso: string): string {
  const match = /^(\d{4,}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:?\d\d)$/.exec(iso);
  if (!match) return iso;
  return `${match[1]} ${match[2]} ${match[3] === 'Z' ? 'UTC' : (match[3] ?? '').replace(':', '')}`;
}
