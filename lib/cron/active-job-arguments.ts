/** A symbol of Ruby's: `:name`, not in quotes, in YAML. */
export class RubySymbol {
  constructor(readonly name: string) {}
}

/** What YAML 1.1 gives; whole numbers are bigint, so that a number is always written with a point. */
export type Value =
  null | boolean | string | number | bigint | Date | RubySymbol | Value[] | Map<Value, Value>;

/**
 * Positional and keyword arguments as ActiveJob::Arguments.serialize writes them, as the text of a JSON array; null
 * for what Active Job cannot serialize. Keys are symbols at every depth: config_for and GOOD_JOB_CRON make them so.
 */
export function activeJobArguments(args: Value, kwargs: Value): string | null {
  try {
    const positional = args === null ? [] : Array.isArray(args) ? args : [args];
    const written = positional.map(write);
    if (kwargs instanceof Map && kwargs.size > 0)
      written.push(writeHash(kwargs, '_aj_ruby2_keywords'));
    return `[${written.join(', ')}]`;
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  }
}

/** The name of a mapping's key as `deep_symbolize_keys` has it; null: it stays what it is, no symbol. */
export function keyName(key: Value): string | null {
  if (key instanceof RubySymbol) return key.name;
  return typeof key === 'string' ? key : null;
}

function write(value: Value): string {
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'number') return writeNumber(value);
  if (typeof value === 'string') return JSON.stringify(value);
  if (value instanceof RubySymbol)
    return `{"_aj_serialized": "ActiveJob::Serializers::SymbolSerializer", "value": ${JSON.stringify(value.name)}}`;
  if (Array.isArray(value)) return `[${value.map(write).join(', ')}]`;
  if (value instanceof Map) return writeHash(value, '_aj_symbol_keys');
  throw new TypeError('Active Job does not serialize this.');
}

/** A float keeps its point: 1.0 is no 1. */
function writeNumber(value: number): string {
  if (!Number.isFinite(value)) throw new TypeError('JSON has no such number.');
  return Number.isInteger(value) && !String(value).includes('e') ? `${value}.0` : String(value);
}

const RESERVED = /^_aj_/;

function writeHash(
  map: Map<Value, Value>,
  marker: '_aj_symbol_keys' | '_aj_ruby2_keywords',
): string {
  // Two keys of one name (`id` and `:id`) are one symbol; the last one counts.
  const written = new Map<string, string>();
  for (const [key, value] of map) {
    const name = keyName(key);
    if (name === null) throw new TypeError('Only texts and symbols can be keys.');
    if (RESERVED.test(name)) throw new TypeError('The key is reserved.');
    written.set(name, write(value));
  }
  const entries = [...written].map(([name, value]) => `${JSON.stringify(name)}: ${value}`);
  return `{${[...entries, `${JSON.stringify(marker)}: ${JSON.stringify([...written.keys()])}`].join(', ')}}`;
}
