import { createHmac } from 'node:crypto';
import {
  type Json,
  TOO_DEEP,
  compactJson,
  get,
  parseJson,
  scalar,
  stringOf,
} from '../good-job/json';
import { cut } from '../text';
import { DEFAULT_CONFIG, type RedactionConfig, currentRedaction } from './config';
import { inPair } from './forms';
import { Keys, plainName } from './keys';
import { type PathRules, isHiddenForSome, isWithin, rulesOf } from './paths';
import { SecretRegistry, couldRepeatSecret } from './secret-registry';
import type { Span } from './shapes';
import { secretSpans } from './text';

/** What stands in the place of anything hidden, in every language and format. */
export const HIDDEN = '[REDACTED]';

/** Characters to read of a text beyond those that are shown. */
export const READ_BEYOND = 2_000;
/** JSON inside a string is read as JSON up to this many characters, and so often inside itself. */
const NESTED_LENGTH = 500_000;
const NESTED_DEPTH = 3;
const NAME_LENGTH = 100;

export interface JsonOptions {
  /** The job's class, for its own rules; null: it has none, or this is no job's. */
  jobClass?: string | null;
  /** What the JSON is: a job's list of arguments, its payload (which has them under `arguments`), its row, or anything else. */
  of?: keyof typeof ARGUMENTS_AT;
  /** Where this value stands in what it is `of`. */
  path?: readonly string[];
  /** Hidden values of the same row: added to, and hidden wherever else they stand. */
  secrets?: SecretRegistry;
  marker?: string;
}

const ARGUMENTS_AT = {
  arguments: [],
  payload: ['arguments'],
  row: ['serialized_params', 'arguments'],
  other: null,
} as const;

interface Walk {
  rules: PathRules;
  /** What of a path comes before the arguments' own; null: there are none. */
  argumentsAt: readonly string[] | null;
  secrets: SecretRegistry;
  marker: string;
  depth: number;
}

const NONE: PathRules = { hide: [], show: [] };
/** Keys with which a hash names what its other value is of: `{"name": "password", "value": "…"}`. */
const NAMING = new Set([
  'name',
  'key',
  'field',
  'header',
  'param',
  'parameter',
  'attribute',
  'property',
  'variable',
  'k',
  'label',
  'id',
  'type',
  'kind',
  'title',
  'input',
  'column',
  'setting',
  'field_name',
  'attribute_name',
  'header_name',
  'param_name',
  'variable_name',
]);
const VALUED =
  /^(?:value|values|val|v|content|contents|data|text|default|current|old|new|from|to|before|after|was|is|input|(?:old|new|field|attribute|header|param|variable|string)_?value)$/i;

/** Active Job's own: they hold names. */
const MARKS = /^_aj_(?:symbol_keys|ruby2_keywords|hash_with_indifferent_access|serialized)$/;
/** Arguments that name the one behind them, though they stand in no pair. */
const ARGUMENT_NAMES =
  /^(?:password|passwd|passphrase|secret|token|authorization|credentials?|api_(?:key|token|secret)|(?:access|auth|refresh|bearer|api)_token|(?:client|api|app|consumer|webhook|signing)_secret|(?:secret|private|access|signing|encryption)_key)$/;
/** Columns that may repeat anything of their row. */
const ERRORS = new Set(['error', 'error_backtrace']);

/** Decides what of a job's data is shown; the only place that does. */
export class Redaction {
  private readonly keys: Keys;
  private readonly rules = new Map<string, PathRules>();
  private readonly spans = new Map<string, readonly Span[]>();

  constructor(readonly config: RedactionConfig = DEFAULT_CONFIG) {
    this.keys = new Keys(config);
  }

  get off(): boolean {
    return this.config.off;
  }

  /** Hex digits that stand for a text of which something may be hidden: without the key nobody can try his guesses on them. */
  sign(text: string): string {
    return createHmac('sha256', this.config.key).update(text).digest('hex');
  }

  isSecretKey(name: string): boolean {
    return !this.off && this.keys.isSecret(name);
  }

  /** Whether a value at this path of the arguments may be hidden by its name or by a rule of any class. */
  isSecretPath(path: readonly string[]): boolean {
    return (
      !this.off &&
      (path.some((part) => this.keys.isSecret(part)) || isHiddenForSome(this.config.classes, path))
    );
  }

  /** The beginning of a text of which more was read than is shown: a secret that the reading cut in two is not. */
  excerpt(
    text: string,
    { read, shown, secrets }: { read: number; shown: number; secrets?: SecretRegistry },
  ): string {
    const redacted = secrets ? this.redactText(text, secrets) : this.redactText(text);
    return cut(
      this.off || text.length < read ? redacted : redacted.slice(0, -READ_BEYOND / 2),
      shown,
    );
  }

  /**
   * Text with its secrets hidden. What was hidden is added to `secrets`, and every value that `secrets` has is
   * hidden too. Once `secrets` has overflowed, a text that could repeat one of the unknown values is hidden whole.
   */
  redactText(text: string, secrets?: SecretRegistry, marker = HIDDEN): string {
    if (secrets?.overflowed && !this.off && couldRepeatSecret(text)) return marker;
    return this.hideSpans(text, secrets, marker);
  }

  private hideSpans(text: string, secrets?: SecretRegistry, marker = HIDDEN): string {
    if (this.off || /^\w{0,11}$/.test(text)) return secrets ? secrets.hideIn(text, marker) : text;
    const spans = this.spansOf(text);
    let at = 0;
    let shown = '';
    for (const { from, to } of spans) {
      secrets?.add(text.slice(from, to));
      shown += text.slice(at, inPair(text, from) ? from - 1 : from) + marker;
      at = inPair(text, to) ? to + 1 : to;
    }
    shown += text.slice(at);
    return secrets ? secrets.hideIn(shown, marker) : shown;
  }

  /** JSON with what is secret in it hidden, each value whole; its other scalars keep their characters. */
  redactJson(
    json: Json,
    {
      jobClass = null,
      of = 'other',
      path = [],
      secrets = new SecretRegistry(),
      marker = HIDDEN,
    }: JsonOptions = {},
  ): Json {
    if (this.off) return json;
    const walk: Walk = {
      rules: of === 'other' ? NONE : this.rulesFor(jobClass),
      argumentsAt: ARGUMENTS_AT[of],
      secrets,
      marker,
      depth: 0,
    };
    const shown = this.value(
      json,
      path,
      walk,
      path.some((part) => this.keys.isSecret(part)),
    );
    // A value that is hidden at one place may stand in clear at another that was printed before.
    return secrets.size > 0 || secrets.overflowed
      ? repeat(shown, secrets, marker, of === 'row' || of === 'payload')
      : shown;
  }

  /** The same of plain data. */
  redactPlain<T>(value: T, options: JsonOptions = {}): T {
    return this.off
      ? value
      : (JSON.parse(compactJson(this.redactJson(parseJson(JSON.stringify(value)), options))) as T);
  }

  /** Classes, queues and labels are few and come again in each row of each list. */
  private spansOf(text: string): readonly Span[] {
    if (text.length > NAME_LENGTH) return secretSpans(text, this.keys);
    const known = this.spans.get(text);
    if (known) return known;
    if (this.spans.size > 2_000) this.spans.clear();
    const spans = secretSpans(text, this.keys);
    this.spans.set(text, spans);
    return spans;
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
    if (json === TOO_DEEP) return tooDeep(walk);
    const own = this.ruleAt(path, walk);
    if (own === 'show') return json;
    if (secret || own === 'hide') {
      // That there is nothing is no secret.
      if (json.kind === 'scalar' && json.text === 'null') return json;
      // Some of it may have a rule of its own that shows it.
      if (
        own !== 'hide' ||
        json.kind === 'scalar' ||
        !walk.rules.show.some((rule) => rule.length > path.length - (walk.argumentsAt?.length ?? 0))
      )
        return hideWhole(json, walk, path.at(-1) ?? '', this.keys);
    }
    if (json.kind === 'scalar') return this.scalar(json, walk);
    if (json.kind === 'array')
      return {
        kind: 'array',
        items: json.items.map((item, n) =>
          this.value(
            item,
            [...path, String(n)],
            walk,
            secret || this.isNamed(json.items, n, areArguments(path, walk)),
          ),
        ),
      };
    // JSON Patch names it by a path.
    const isPatch = get(json, 'op') !== undefined;
    const named = json.entries.some(
      ({ key, value }) =>
        (NAMING.has(key.toLowerCase()) || (isPatch && key === 'path')) &&
        this.isSecretName(nameOf(value)),
    );
    return {
      kind: 'object',
      entries: json.entries.map(({ key, value }) => {
        if (MARKS.test(key)) return { key, value: this.mark(value, walk) };
        const isSecret = secret || this.keys.isSecret(key) || (named && VALUED.test(key));
        return {
          key: this.keyText(key, walk),
          value: this.value(value, [...path, key], walk, isSecret),
        };
      }),
    };
  }

  /** Names of keys, or of a class: as they are, unless they are secrets themselves. */
  private mark(value: Json, walk: Walk): Json {
    if (value.kind === 'array')
      return { kind: 'array', items: value.items.map((item) => this.mark(item, walk)) };
    const name = stringOf(value);
    const shown = name === undefined ? undefined : this.keyText(name, walk);
    return shown === name || shown === undefined ? value : scalar(shown);
  }

  private ruleAt(path: readonly string[], { rules, argumentsAt }: Walk): 'hide' | 'show' | null {
    if (argumentsAt === null || (rules.hide.length === 0 && rules.show.length === 0)) return null;
    if (path.length <= argumentsAt.length || argumentsAt.some((part, n) => path[n] !== part))
      return null;
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
    if (name === undefined || name.length > 100 || !/^[-:]{0,2}[\p{L}\p{N}_.-]+[:=]?$/u.test(name))
      return false;
    const isOption = name.startsWith('-');
    // Arguments stand one behind the other without being pairs: `"AccountMailer", "password_reset", "deliver_now"`.
    if (areArguments && !isOption) return ARGUMENT_NAMES.test(plainName(name));
    return this.keys.isSecret(name) && (isOption || n % 2 === 1);
  }

  /** A key is shown as it is, unless it is one itself: a hash by access tokens. */
  private keyText(key: string, walk: Walk): string {
    return key.length < 12 ? key : this.hideSpans(key, walk.secrets, walk.marker);
  }

  private scalar(json: Json & { kind: 'scalar' }, walk: Walk): Json {
    const text = stringOf(json);
    if (text === undefined) return json.text.length >= 12 ? this.number(json, walk) : json;
    const nested =
      walk.depth < NESTED_DEPTH && /^\s*[[{"]/.test(text) && text.length <= NESTED_LENGTH
        ? tryJson(text)
        : undefined;
    if (nested && (nested.kind !== 'scalar' || stringOf(nested) !== undefined)) {
      const shown = compactJson(
        this.value(
          nested,
          [],
          { ...walk, rules: NONE, argumentsAt: null, depth: walk.depth + 1 },
          false,
        ),
      );
      return shown === compactJson(nested) ? json : scalar(shown);
    }
    const shown = this.hideSpans(text, walk.secrets, walk.marker);
    return shown === text ? json : scalar(shown);
  }

  private number(json: Json & { kind: 'scalar' }, walk: Walk): Json {
    const shown = this.hideSpans(json.text, walk.secrets, walk.marker);
    return shown === json.text ? json : scalar(shown);
  }
}

const areArguments = (path: readonly string[], { argumentsAt }: Walk) =>
  argumentsAt !== null &&
  path.length === argumentsAt.length &&
  argumentsAt.every((part, n) => path[n] === part);

/** A string, or a symbol as Active Job writes it. */
function nameOf(json: Json | undefined): string | undefined {
  return (
    json &&
    (stringOf(json) ??
      (json.kind === 'object' && get(json, '_aj_serialized')
        ? stringOf(get(json, 'value'))
        : undefined))
  );
}

function tryJson(text: string): Json | undefined {
  try {
    return parseJson(text);
  } catch {
    return undefined;
  }
}

function tooDeep({ secrets, marker }: Walk): Json {
  secrets.hidden = secrets.overflowed = true;
  return scalar(marker);
}

/** What these are of has a good many values that say what it is, not what opens it. */
const RECORDS = /(?:^|_)(?:cards?|sessions?|auth|signatures?|cookies?|authori[sz]ations?)$/;
const ID = /(?:^|_)ids?$/;

function hideWhole(json: Json, walk: Walk, name: string, keys: Keys): Json {
  const { secrets, marker } = walk;
  secrets.hidden = true;
  const isRecord = RECORDS.test(plainName(name));
  const remember = (value: Json, inner: string | null) => {
    if (value === TOO_DEEP) tooDeep(walk);
    else if (value.kind === 'array') value.items.forEach((item) => remember(item, inner));
    else if (value.kind === 'object')
      value.entries.forEach(({ key, value: own }) => !key.startsWith('_aj_') && remember(own, key));
    else {
      const text = stringOf(value) ?? value.text;
      // `{"card": {"kind": "Invoice"}}`: a word that stands everywhere.
      const saysNothing =
        isRecord &&
        inner !== null &&
        !keys.isSecret(inner) &&
        !/^(?:key|value|code)s?$/i.test(inner) &&
        (/^\p{Lu}?\p{Ll}{1,15}$/u.test(text) ||
          (ID.test(plainName(inner)) && /^\d{1,12}$/.test(text)));
      if (!saysNothing) secrets.add(text);
    }
  };
  remember(json, null);
  return scalar(marker);
}

/** What the row's hidden values know is hidden in every other string of it too; the name of its class, which many of its words may be part of, stays. */
function repeat(json: Json, secrets: SecretRegistry, marker: string, ofJob: boolean): Json {
  if (json.kind === 'array')
    return { kind: 'array', items: json.items.map((item) => repeat(item, secrets, marker, ofJob)) };
  if (json.kind === 'object') {
    const entries = json.entries.map(({ key, value }) => {
      if (key === '_aj_serialized' || (ofJob && key === 'job_class')) return { key, value };
      if (ofJob && secrets.overflowed && ERRORS.has(key))
        return {
          key,
          value: value.kind === 'scalar' && value.text === 'null' ? value : scalar(marker),
        };
      return {
        key: key.startsWith('_aj_') ? key : secrets.hideIn(key, marker),
        value: repeat(value, secrets, marker, ofJob && key !== 'arguments'),
      };
    });
    return { kind: 'object', entries };
  }
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
