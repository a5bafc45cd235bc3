/** What YAML 1.1 gives; whole numbers are bigint, so that a number is always written with a point. */
export type Value = null | boolean | string | number | bigint | Date | Value[] | Map<Value, Value>;

/**
 * Positional and keyword arguments as ActiveJob::Arguments.serialize writes them, as the text of a JSON array; null
 * for what Active Job cannot serialize. A key written `:name` is a symbol, as in Ruby; keywords are always symbols.
 */
export function activeJobArguments(args: Value, kwargs: Value): string | null {
  try {
    const positional = args === null ? [] : Array.isArray(args) ? args : [args];
    const written = positional.map(write);
    if (kwargs instanceof Map && kwargs.size > 0) written.push(writeHash(kwargs, '_aj_ruby2_keywords'));
    return `[${written.join(', ')}]`;
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  }
}

function write(value: Value): string {
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'bigint') return String(value);
  if (typeof value === 'number') return writeNumber(value);
  if (typeof value === 'string') return JSON.stringify(value);
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

function writeHash(map: Map<Value, Value>, marker: '_aj_symbol_keys' | '_aj_ruby2_keywords'): string {
  const names: string[] = [];
  const entries = [...map].map(([given, value]) => {
    if (typeof given !== 'string') throw new TypeError('Only texts and symbols can be keys.');
    const isSymbol = marker === '_aj_ruby2_keywords' || given.startsWith(':');
    const key = given.replace(/^:/, '');
    if (RESERVED.test(key)) throw new TypeError('The key is reserved.');
    if (isSymbol) names.push(key);
    return `${JSON.stringify(key)}: ${write(value)}`;
  });
  return `{${[...entries, `${JSON.stringify(marker)}: ${JSON.stringify(names)}`].join(', ')}}`;
}
