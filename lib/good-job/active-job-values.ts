import { type Json, get, scalar, stringOf } from './json';

/** Keys that ActiveJob::Arguments adds to a hash to remember what its keys were. */
const HASH_MARKS = new Set([
  '_aj_symbol_keys',
  '_aj_ruby2_keywords',
  '_aj_hash_with_indifferent_access',
]);

/**
 * Decodes values that ActiveJob::Arguments serialized, to the text that GoodJob's dashboard prints for them
 * (JSON.pretty_generate calls to_s on what is no JSON). A GlobalID stays its `gid://` URI: the record is the
 * app's. A serializer that is not Active Job's own stays as it is stored.
 */
export function decodeActiveJob(json: Json): Json {
  if (json.kind === 'array') return { kind: 'array', items: json.items.map(decodeActiveJob) };
  if (json.kind === 'scalar') return json;
  // Beside other keys it is none to Active Job either, and those must not be lost.
  const globalId = json.entries.length === 1 ? get(json, '_aj_globalid') : undefined;
  if (globalId) return globalId;
  const serializer = stringOf(get(json, '_aj_serialized'));
  if (serializer !== undefined) return decodeSerialized(serializer, json) ?? json;
  return {
    kind: 'object',
    entries: json.entries
      .filter(({ key }) => !HASH_MARKS.has(key))
      .map(({ key, value }) => ({ key, value: decodeActiveJob(value) })),
  };
}

function decodeSerialized(serializer: string, json: Json): Json | undefined {
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
      const bound = (key: string) => {
        const found = get(json, key);
        const decoded = found && decodeActiveJob(found);
        return decoded?.kind === 'scalar' && decoded.text !== 'null'
          ? (stringOf(decoded) ?? decoded.text)
          : '';
      };
      const exclusive = get(json, 'exclude_end');
      return scalar(
        bound('begin') +
          (exclusive?.kind === 'scalar' && exclusive.text === 'true' ? '...' : '..') +
          bound('end'),
      );
    }
    default:
      return undefined;
  }
}

/** `Time#to_s` of an ISO 8601 time: seconds, and `UTC` or the offset. */
function rubyTime(iso: string): string {
  const match = /^(\d{4,}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?(Z|[+-]\d\d:?\d\d)$/.exec(iso);
  if (!match) return iso;
  return `${match[1]} ${match[2]} ${match[3] === 'Z' ? 'UTC' : (match[3] ?? '').replace(':', '')}`;
}
