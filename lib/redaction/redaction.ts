import { type Json, compactJson, get, parseJson, scalar, stringOf } from '../good-job/json';
import { cut } from '../text';
import { DEFAULT_CONFIG, type RedactionConfig, currentRedaction } from './config';
import { Keys } from './keys';
import { type PathRules, isHiddenForSome, isWithin, rulesOf } from './paths';
import { Secrets } from './secrets';
import { secretSpans } from './text';

/** What stands in the place of anything hidden, in every language and format. */
export const HIDDEN = '[REDACTED]';

/** Characters to read of a text beyond those that are shown. */
export const READ_BEYOND = 2_000;
/** JSON inside a string is read as JSON up to this many characters, and so often inside itself. */
const NESTED_LENGTH = 500_000;
const NESTED_DEPTH = 3;

export interface JsonOptions {
  /** The job's class, for its own rules; null: it has none, or this is no job's. */
  jobClass?: string | null;
  /** What the JSON is: a job's list of arguments, its payload (which has them under `arguments`), its row, or anything else. */
  of?: keyof typeof ARGUMENTS_AT;
  /** Where this value stands in what it is `of`. */
  path?: readonly string[];
  /** Hidden values of the same row: added to, and hidden wherever else they stand. */
  secrets?: Secrets;
  marker?: string;
}

const ARGUMENTS_AT = { arguments: [], payload: ['arguments'], row: ['serialized_params', 'arguments'], other: null } as const;

interface Walk {
  rules: PathRules;
  /** What of a path comes before the arguments' own; null: there are none. */
  argumentsAt: readonly string[] | null;
  secrets: Secrets;
  marker: string;
  depth: number;
}

const NONE: PathRules = { hide: [], show: [] };
/** Keys with which a hash names what its other value is of: `{"name": "password", "value": "…"}`. */
const NAMING = new Set(['name', 'key', 'field', 'header', 'param', 'parameter', 'attribute', 'property', 'variable', 'k', 'label', 'id', 'type', 'kind', 'title', 'input', 'field_name', 'attribute_name', 'header_name', 'param_name', 'variable_name']);
const VALUED = /^(?:value|values|val|v|content|contents|data|text|default|current|old|new|from|to|before|after|(?:old|new|field|attribute|header|param|variable|string)_?value)$/i;

/** Decides what of a job's data is shown; the only place that does. */
export class Redaction {
  private readonly keys: Keys;
  private readonly rules = new Map<string, PathRules>();

  constructor(readonly config: RedactionConfig = DEFAULT_CONFIG) {
    this.keys = new Keys(config);
  }

  get off(): boolean {
    return this.config.off;
  }

  isSecretKey(name: string): boolean {
    return !this.off && this.keys.isSecret(name);
  }

  /** Whether a value at this path of the arguments may be hidden by its name or by a rule of any class. */
  isSecretPath(path: readonly string[]): boolean {
    return !this.off && (path.some((part) => this.keys.isSecret(part)) || isHiddenForSome(this.config.classes, path));
  }

  /** The beginning of a text of which more was read than is shown: a secret that the reading cut in two is not. */
  excerpt(text: string, { read, shown, secrets }: { read: number; shown: number; secrets?: Secrets }): string {
    const redacted = this.text(text, secrets);
    return cut(this.off || text.length < read ? redacted : redacted.slice(0, -READ_BEYOND / 2), shown);
  }

  /** Text with what is secret in it hidden; what was hidden is added to `secrets`, and what they know is hidden too. */
  text(text: string, secrets?: Secrets, marker = HIDDEN): string {
    if (this.off || /^[\p{L}\p{N}_]{0,11}$/u.test(text)) return secrets ? secrets.hideIn(text, marker) : text;
    const spans = secretSpans(text, this.keys);
    let at = 0;
    let shown = '';
    for (const { from, to } of spans) {
      secrets?.add(text.slice(from, to));
      shown += text.slice(at, from) + marker;
      at = to;
    }
    shown += text.slice(at);
    return secrets ? secrets.hideIn(shown, marker) : shown;
  }

  /** JSON with what is secret in it hidden, each value whole; its other scalars keep their characters. */
  json(json: Json, { jobClass = null, of = 'other', path = [], secrets = new Secrets(), marker = HIDDEN }: JsonOptions = {}): Json {
    if (this.off) return json;
    const walk: Walk = { rules: of === 'other' ? NONE : this.rulesFor(jobClass), argumentsAt: ARGUMENTS_AT[of], secrets, marker, depth: 0 };
    const shown = this.value(json, path, walk, path.some((part) => this.keys.isSecret(part)));
    // A value that is hidden at one place may stand in clear at another that was printed before.
    return secrets.size > 0 ? repeat(shown, secrets, marker) : shown;
  }

  /** The same of plain data. */
  plain<T>(value: T, options: JsonOptions = {}): T {
    return this.off ? value : (JSON.parse(compactJson(this.json(parseJson(JSON.stringify(value)), options))) as T);
  }

  private rulesFor(jobClass: string | null): PathRules {
    const key = jobClass ?? '';
    const known = this.rules.get(key);
    if (known) return known;
    if (this.rules.size > 2_000) this.rules.clear();
    const rules = rulesOf(this.config.classes, jobClass);
    this.rules.set(key, rules);
    return rules;
  }

  private value(json: Json, path: readonly string[], walk: Walk, secret: boolean): Json {
    const own = this.ruleAt(path, walk);
    if (own === 'show') return json;
    if (secret || own === 'hide') {
      // That there is nothing is no secret.
      if (json.kind === 'scalar' && json.text === 'null') return json;
      // Some of it may have a rule of its own that shows it.
      if (own !== 'hide' || json.kind === 'scalar' || !walk.rules.show.some((rule) => rule.length > path.length - (walk.argumentsAt?.length ?? 0))) return hideWhole(json, walk);
    }
    if (json.kind === 'scalar') return this.scalar(json, walk);
    if (json.kind === 'array') return { kind: 'array', items: json.items.map((item, n) => this.value(item, [...path, String(n)], walk, secret || this.isNamed(json.items, n, areArguments(path, walk)))) };
    const named = json.entries.some(({ key, value }) => NAMING.has(key.toLowerCase()) && this.isSecretName(nameOf(value)));
    return {
      kind: 'object',
      entries: json.entries.map(({ key, value }) => {
        // Active Job's own marks hold names of keys.
        if (/^_aj_(?:symbol_keys|ruby2_keywords|hash_with_indifferent_access|serialized)$/.test(key)) return { key, value };
        const isSecret = secret || this.keys.isSecret(key) || (named && VALUED.test(key));
        return { key: this.keyText(key, walk), value: this.value(value, [...path, key], walk, isSecret) };
      }),
    };
  }

  private ruleAt(path: readonly string[], { rules, argumentsAt }: Walk): 'hide' | 'show' | null {
    if (argumentsAt === null || (rules.hide.length === 0 && rules.show.length === 0)) return null;
    if (path.length <= argumentsAt.length || argumentsAt.some((part, n) => path[n] !== part)) return null;
    const own = path.slice(argumentsAt.length);
    if (rules.show.some((rule) => isWithin(rule, own))) return 'show';
    return rules.hide.some((rule) => isWithin(rule, own)) ? 'hide' : null;
  }

  private isSecretName(name: string | undefined): boolean {
    return name !== undefined && name.length <= 100 && this.keys.isSecret(name);
  }

  /** `["Authorization", "Bearer …"]`, `["--password", "…"]`: a value behind its name. A sentence or a mailer's method is no name. */
  private isNamed(items: readonly Json[], n: number, areArguments: boolean): boolean {
    const name = n > 0 ? nameOf(items[n - 1]) : undefined;
    if (name === undefined || name.length > 100 || !/^[-:]{0,2}[\p{L}\p{N}_.-]+[:=]?$/u.test(name)) return false;
    const isOption = name.startsWith('-');
    // Arguments stand one behind the other without being pairs: `"AccountMailer", "password_reset", "deliver_now"`.
    if (areArguments && !isOption) return /^:?(?:password|passwd|secret|token|api[_-]?key|authorization|access[_-]?token)$/i.test(name);
    return this.keys.isSecret(name) && (isOption || n % 2 === 1);
  }

  /** A key is shown as it is, unless it is one itself: a hash by access tokens. */
  private keyText(key: string, walk: Walk): string {
    return key.length < 12 ? key : this.text(key, walk.secrets, walk.marker);
  }

  private scalar(json: Json & { kind: 'scalar' }, walk: Walk): Json {
    const text = stringOf(json);
    if (text === undefined) return json.text.length >= 12 ? this.number(json, walk) : json;
    const nested = walk.depth < NESTED_DEPTH && /^\s*[[{"]/.test(text) && text.length <= NESTED_LENGTH ? tryJson(text) : undefined;
    if (nested && (nested.kind !== 'scalar' || stringOf(nested) !== undefined)) {
      const shown = compactJson(this.value(nested, [], { ...walk, rules: NONE, argumentsAt: null, depth: walk.depth + 1 }, false));
      return shown === compactJson(nested) ? json : scalar(shown);
    }
    const shown = this.text(text, walk.secrets, walk.marker);
    return shown === text ? json : scalar(shown);
  }

  private number(json: Json & { kind: 'scalar' }, walk: Walk): Json {
    const shown = this.text(json.text, walk.secrets, walk.marker);
    return shown === json.text ? json : scalar(shown);
  }
}

const areArguments = (path: readonly string[], { argumentsAt }: Walk) => argumentsAt !== null && path.length === argumentsAt.length && argumentsAt.every((part, n) => path[n] === part);

/** A string, or a symbol as Active Job writes it. */
function nameOf(json: Json | undefined): string | undefined {
  return json && (stringOf(json) ?? (json.kind === 'object' && get(json, '_aj_serialized') ? stringOf(get(json, 'value')) : undefined));
}

function tryJson(text: string): Json | undefined {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

function hideWhole(json: Json, { secrets, marker }: Walk): Json {
  secrets.hidden = true;
  const remember = (value: Json) => {
    if (value.kind === 'array') value.items.forEach(remember);
    else if (value.kind === 'object') value.entries.forEach(({ key, value: inner }) => !key.startsWith('_aj_') && remember(inner));
    else secrets.add(stringOf(value) ?? value.text);
  };
  remember(json);
  return scalar(marker);
}

/** What the row's hidden values know is hidden in every other string of it too. */
function repeat(json: Json, secrets: Secrets, marker: string): Json {
  if (json.kind === 'array') return { kind: 'array', items: json.items.map((item) => repeat(item, secrets, marker)) };
  if (json.kind === 'object') return { kind: 'object', entries: json.entries.map(({ key, value }) => ({ key: key.startsWith('_aj_') ? key : secrets.hideIn(key, marker), value: key.startsWith('_aj_') && key !== '_aj_globalid' ? value : repeat(value, secrets, marker) })) };
  const text = stringOf(json) ?? json.text;
  const shown = secrets.hideIn(text, marker);
  return shown === text ? json : scalar(shown);
}

let current: Redaction | undefined;

/** This server's rules. */
export function redaction(): Redaction {
  const config = currentRedaction();
  if (current?.config !== config) current = new Redaction(config);
  return current;
}
