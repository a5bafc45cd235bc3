import { isWithin, type PathRules } from '../config/redaction-rules';
import {
  type Json,
  TOO_DEEP,
  memberOf,
  parseSteps,
  printSteps,
  scalar,
  stringOf,
} from '../core/json';
import type { Steps } from '../core/steps';
import { multilineRegExp, wordList } from '../core/text';
import {
  isActiveJobKey,
  isActiveJobMetadata,
  isGlobalId,
  isHarmlessJsonValue,
} from './harmless-values';
import { type ChildContext, type JsonVisitor, transformJson } from './json-transform';
import { type SecretNameMatcher, normalizeName } from './key-names';
import { addSecret, looksLikeCredential } from './secret-parts';
import type { SecretRegistry } from './secret-registry';

/*
 * Hides the values in JSON that a secret key, a name-value pair or a job class rule selects, and
 * the secrets inside its strings. Hidden values are added to the registry; `json-transform.ts`
 * hides their repeats in a second pass.
 */

/** The path of a job's arguments in each kind of JSON; null: it has none. */
export const ARGUMENTS_PATH = {
  arguments: [],
  payload: ['arguments'],
  row: ['serialized_params', 'arguments'],
  other: null,
} as const;

/** Levels of JSON inside JSON strings that are parsed. */
const MAX_NESTING = 3;
/** Values of a hidden container that are added to the registry before the generator yields. */
const YIELD_AFTER = 256;
/** A longer string in a name-value pair is not a name. */
const MAX_NAME_LENGTH = 100;
/** Shorter keys and numbers are not scanned for secrets. */
const MIN_TOKEN_LENGTH = 12;

/** The name key of a name-value hash: `{"name": "password", "value": "…"}`. */
const NAME_KEYS = new Set(
  wordList(`
    name key field header param parameter attribute property variable k label id type kind title
    input column setting field_name attribute_name header_name param_name variable_name
  `),
);
/** The value key of a name-value hash. */
const VALUE_KEY = multilineRegExp('i')`
  ^(?:
    value|values|val|v|content|contents|data|text|default|current|old|new|from|to|before|after|was
    |is|input|(?:old|new|field|attribute|header|param|variable|string)_?value
  )$`;
/** Positional arguments that are the name of the next argument. */
const ARGUMENT_NAMES = multilineRegExp('')`
  ^(?:
    password|passwd|passphrase|secret|token|authorization|credentials?|api_(?:key|token|secret)
    |(?:access|auth|refresh|bearer|api)_token|(?:client|api|app|consumer|webhook|signing)_secret
    |(?:secret|private|access|signing|encryption)_key
  )$`;
/** The private members of a JSON Web Key, which also has a `kty`. */
const JWK_PRIVATE = new Set(['d', 'p', 'q', 'dp', 'dq', 'qi', 'k', 'oth']);
/** Names of records with many fields, few of which are secrets. */
const RECORDS = /(?:^|_)(?:cards?|sessions?|auth|signatures?|cookies?|authori[sz]ations?)$/;
const ID = /(?:^|_)ids?$/;

/** A path as a linked list from its last key, so that siblings share their parent's path. */
interface Path {
  readonly parent: Path | null;
  readonly key: string;
  readonly length: number;
}

interface RedactorSettings {
  keys: SecretNameMatcher;
  rules: PathRules;
  /** Where the JSON has a job's arguments, to which the rules apply. */
  kind: keyof typeof ARGUMENTS_PATH;
  secrets: SecretRegistry;
  marker: string;
  /** Hides the secrets that a text contains, and adds them to the registry. */
  hideInText(text: string): Steps<string>;
}

/** What a value inherits from its containers. */
interface Context {
  path: Path | null;
  isSecret: boolean;
  /** Part of Active Job's metadata, such as `_aj_symbol_keys`. */
  isMetadata: boolean;
}

/** Redacts one JSON value. Yields between bounded steps. */
export class JsonRedactor implements JsonVisitor<Context> {
  private readonly argumentsPath: readonly string[] | null;
  private readonly hasRules: boolean;

  constructor(
    private readonly settings: RedactorSettings,
    private readonly nesting = 0,
    /** The JSON is the class of a job, which stays readable. */
    private readonly isClass = false,
  ) {
    this.argumentsPath = ARGUMENTS_PATH[settings.kind];
    const { hide, show } = settings.rules;
    this.hasRules = this.argumentsPath !== null && hide.length + show.length > 0;
  }

  /**
   * The redacted JSON. `path` is the position of the value inside its row, payload or arguments.
   */
  *redact(json: Json, path: readonly string[] = []): Steps<Json> {
    let rootPath: Path | null = null;
    for (const key of path) rootPath = childPath(rootPath, key);
    const isSecret = path.some((part) => this.settings.keys.isSecret(part));
    const context = { path: rootPath, isSecret, isMetadata: false };
    return yield* transformJson<Context>(json, context, this);
  }

  enter(
    json: Json,
    { path, isSecret, isMetadata }: Context,
  ): Json | undefined | Steps<Json | undefined> {
    if (json === TOO_DEEP) return this.overflow();
    if (isMetadata) return this.redactMetadata(json);
    const rule = this.ruleAt(path);
    if (rule === 'show') return json;
    if (isSecret || rule === 'hide') {
      const name = path?.key ?? '';
      if (rule !== 'hide' && this.isHarmless(json, name)) return json;
      // A hidden container is still entered when a show rule may apply to one of its members.
      if (rule !== 'hide' || json.kind === 'scalar' || !this.hasShowRuleBelow(path))
        return json.kind === 'scalar' && json.text === 'null' ? json : this.hideWhole(json, name);
    }
    return json.kind === 'scalar' ? this.redactScalar(json, path?.key) : undefined;
  }

  children(container: Exclude<Json, { kind: 'scalar' }>, context: Context): ChildContext<Context> {
    return container.kind === 'array'
      ? this.arrayChildren(container, context)
      : this.objectChildren(container, context);
  }

  private arrayChildren(
    { items }: Json & { kind: 'array' },
    { path, isSecret, isMetadata }: Context,
  ): ChildContext<Context> {
    const areArguments = this.areArguments(path);
    const shared: Context = { path: childPath(path, '*'), isSecret, isMetadata };
    return {
      item: (index) => {
        const isNamed = !isSecret && !isMetadata && this.isNamed(items, index, areArguments);
        // Only rules need the index, so most items share one context.
        if (!isNamed && !this.hasRules) return shared;
        return { path: childPath(path, String(index)), isSecret: isSecret || isNamed, isMetadata };
      },
      entry: () => shared,
    };
  }

  private objectChildren(
    json: Json & { kind: 'object' },
    { path, isSecret }: Context,
  ): ChildContext<Context> {
    const { keys } = this.settings;
    // JSON Patch has the name in `path`.
    const isPatch = memberOf(json, 'op') !== undefined;
    const isJwk = memberOf(json, 'kty') !== undefined;
    const isNamed = json.entries.some(
      ({ key, value }) =>
        (NAME_KEYS.has(key.toLowerCase()) || (isPatch && key === 'path')) &&
        this.isSecretName(nameOf(value)),
    );
    return {
      item: () => ({ path, isSecret, isMetadata: false }),
      entry: (key, value) => ({
        path: childPath(path, key),
        isSecret:
          isSecret ||
          keys.isSecret(key) ||
          (isNamed && VALUE_KEY.test(key)) ||
          (isJwk && JWK_PRIVATE.has(key)),
        isMetadata: isActiveJobMetadata(key, value),
      }),
      key: (key) => (this.isHiddenLater ? key : this.redactKey(key)),
    };
  }

  /** Keeps key names and class names, unless they contain a secret. */
  private *redactMetadata(value: Json): Steps<Json | undefined> {
    if (value.kind !== 'scalar') return undefined;
    const name = stringOf(value);
    if (name === undefined) return value;
    const key = this.redactKey(name);
    const redacted = typeof key === 'string' ? key : yield* key;
    return redacted === name ? value : scalar(redacted);
  }

  /** Once the registry has overflowed, `hideRepeats` hides all texts but the class. */
  private get isHiddenLater(): boolean {
    return this.settings.secrets.overflowed && !this.isClass;
  }

  private ruleAt(path: Path | null): 'hide' | 'show' | null {
    const argumentPath = this.hasRules ? this.pathInArguments(path) : null;
    if (!argumentPath) return null;
    const { hide, show } = this.settings.rules;
    if (show.some((rule) => isWithin(rule, argumentPath))) return 'show';
    return hide.some((rule) => isWithin(rule, argumentPath)) ? 'hide' : null;
  }

  /** Undefined outside the arguments, and for the argument list itself. */
  private pathInArguments(path: Path | null): string[] | undefined {
    const prefix = this.argumentsPath ?? [];
    if (!path || path.length <= prefix.length) return undefined;
    const parts = partsOf(path);
    return prefix.every((part, n) => parts[n] === part) ? parts.slice(prefix.length) : undefined;
  }

  private hasShowRuleBelow(path: Path | null): boolean {
    const depth = (path?.length ?? 0) - (this.argumentsPath?.length ?? 0);
    return this.settings.rules.show.some((rule) => rule.length > depth);
  }

  private areArguments(path: Path | null): boolean {
    const prefix = this.argumentsPath;
    if (prefix === null || (path?.length ?? 0) !== prefix.length) return false;
    const parts = partsOf(path);
    return prefix.every((part, n) => parts[n] === part);
  }

  private isHarmless(json: Json, name: string): boolean {
    return json.kind === 'scalar' && isHarmlessJsonValue(name, stringOf(json) ?? json.text);
  }

  private isSecretName(name: string | undefined): boolean {
    return (
      name !== undefined && name.length <= MAX_NAME_LENGTH && this.settings.keys.isSecret(name)
    );
  }

  /**
   * Whether the previous item names this one: `["Authorization", "Bearer …"]` or
   * `["--password", "…"]`.
   */
  private isNamed(items: readonly Json[], index: number, areArguments: boolean): boolean {
    const name = index > 0 ? nameOf(items[index - 1]) : undefined;
    if (
      name === undefined ||
      name.length > MAX_NAME_LENGTH ||
      !/^[-:]{0,2}[\p{L}\p{N}_.-]+[:=]?$/u.test(name)
    )
      return false;
    const isOption = name.startsWith('-');
    // Arguments are not pairs, as in `"AccountMailer", "password_reset", "deliver_now"`.
    if (areArguments && !isOption) return ARGUMENT_NAMES.test(normalizeName(name));
    return (isOption || index % 2 === 1) && this.settings.keys.isSecret(name);
  }

  /** A key may contain a secret, as in a hash indexed by access tokens. */
  private redactKey(key: string): string | Steps<string> {
    return key.length < MIN_TOKEN_LENGTH || isActiveJobKey(key)
      ? key
      : this.settings.hideInText(key);
  }

  private redactScalar(json: Json & { kind: 'scalar' }, key?: string): Json | Steps<Json> {
    const isClass = key === 'job_class';
    if (this.isHiddenLater && !isClass) return json;
    const text = stringOf(json);
    if (text !== undefined) return this.redactText(json, text, isClass);
    return json.text.length >= MIN_TOKEN_LENGTH ? this.redactString(json, json.text) : json;
  }

  private *redactText(json: Json, text: string, isClass: boolean): Steps<Json> {
    const nested = yield* this.parseNested(text);
    if (!nested) return yield* this.redactString(json, text);
    const settings = { ...this.settings, kind: 'other' as const };
    const redactor = new JsonRedactor(settings, this.nesting + 1, this.isClass || isClass);
    const redacted = yield* redactor.redact(nested);
    const printed = yield* printSteps(redacted, 'compact');
    return printed === (yield* printSteps(nested, 'compact')) ? json : scalar(printed);
  }

  /** The JSON inside a string; undefined for any other string. */
  private *parseNested(text: string): Steps<Json | undefined> {
    if (this.nesting >= MAX_NESTING || !/^\s*[[{"]/.test(text)) return undefined;
    const nested = yield* parseSteps(text);
    const isNumber = nested?.kind === 'scalar' && stringOf(nested) === undefined;
    return isNumber ? undefined : nested;
  }

  private *redactString(json: Json, text: string): Steps<Json> {
    const redacted = yield* this.settings.hideInText(text);
    return redacted === text ? json : scalar(redacted);
  }

  private overflow(): Json {
    const { secrets, marker } = this.settings;
    secrets.hasRedactions = true;
    secrets.overflowed = true;
    return scalar(marker);
  }

  /**
   * The marker for a whole value. Its scalars, and its keys that look like credentials, are added
   * to the registry.
   */
  private *hideWhole(root: Json, name: string): Steps<Json> {
    const { secrets, marker, keys } = this.settings;
    secrets.hasRedactions = true;
    const isRecord = root.kind !== 'scalar' && RECORDS.test(normalizeName(name));
    const stack: { json: Json; key: string | null }[] = [{ json: root, key: null }];
    for (let n = 1; !secrets.overflowed; n += 1) {
      if (n % YIELD_AFTER === 0) yield;
      const next = stack.pop();
      if (!next) break;
      const { json, key } = next;
      if (json === TOO_DEEP) this.overflow();
      else if (json.kind === 'array')
        for (const item of json.items) stack.push({ json: item, key });
      else if (json.kind === 'object')
        for (const { key: member, value } of json.entries) {
          if (isActiveJobMetadata(member, value) || isGlobalId(member, value)) continue;
          if (looksLikeCredential(member) && secrets.markSearched(member))
            yield* addSecret(secrets, member, keys);
          stack.push({ json: value, key: member });
        }
      else {
        const text = stringOf(json) ?? json.text;
        const isOrdinary = isRecord && key !== null && this.isOrdinaryField(key, text);
        if (!isOrdinary && secrets.markSearched(text)) yield* addSecret(secrets, text, keys);
      }
    }
    return scalar(marker);
  }

  /** Whether a field of a record is a common word or an id: `{"card": {"kind": "Invoice"}}`. */
  private isOrdinaryField(key: string, text: string): boolean {
    return (
      !this.settings.keys.isSecret(key) &&
      !/^(?:key|value|code)s?$/i.test(key) &&
      (/^\p{Lu}?\p{Ll}{1,15}$/u.test(text) ||
        (ID.test(normalizeName(key)) && /^\d{1,12}$/.test(text)))
    );
  }
}

const childPath = (parent: Path | null, key: string): Path => ({
  parent,
  key,
  length: (parent?.length ?? 0) + 1,
});

function partsOf(path: Path | null): string[] {
  const parts: string[] = [];
  for (let part = path; part; part = part.parent) parts.push(part.key);
  return parts.reverse();
}

/**
 * A string, or a symbol that Active Job serialized (`ActiveJob::Serializers::SymbolSerializer`).
 */
function nameOf(json: Json | undefined): string | undefined {
  return (
    json &&
    (stringOf(json) ??
      (json.kind === 'object' && memberOf(json, '_aj_serialized')
        ? stringOf(memberOf(json, 'value'))
        : undefined))
  );
}
