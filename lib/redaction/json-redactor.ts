import { type Json, TOO_DEEP, get, parseSteps, scalar, stringOf } from '../core/json';
import { printSteps } from '../core/json-text';
import type { Steps } from '../core/steps';
import { isActiveJobMark, isGlobalId, isMarkKey, isPlainJsonValue } from './harmless-values';
import { type InnerContext, type JsonVisitor, transformJson } from './json-transform';
import { type Keys, plainName } from './key-names';
import { type PathRules, isWithin } from './path-rules';
import { addSecret, looksLikeCredential } from './secret-parts';
import type { SecretRegistry } from './secret-registry';

/*
 * Hides in JSON what its keys, its pairs and the rules of a job class name, and what its strings hold. Each value is
 * visited once; what is hidden goes to the registry, and `json-repeats.ts` hides its repeats afterwards.
 */

/** Where the arguments of a job begin in a JSON value. */
export const ARGUMENTS_AT = {
  arguments: [],
  payload: ['arguments'],
  row: ['serialized_params', 'arguments'],
  other: null,
} as const;

/** JSON inside a string is read as JSON up to so many levels. */
const MAX_NESTING = 3;
/** Values of a hidden container that one step adds to the registry. */
const YIELD_AFTER = 256;
/** A name that a pair gives to its value is no longer than this. */
const MAX_NAME_LENGTH = 100;
/** Shorter keys and numbers are never secrets of their own. */
const SHORTEST_TOKEN = 12;

/** Keys with which a hash names what its other value is: `{"name": "password", "value": "…"}`. */
const NAMING = new Set(
  `name key field header param parameter attribute property variable k label id type kind title input column setting
   field_name attribute_name header_name param_name variable_name`.split(/\s+/),
);
const VALUED =
  /^(?:value|values|val|v|content|contents|data|text|default|current|old|new|from|to|before|after|was|is|input|(?:old|new|field|attribute|header|param|variable|string)_?value)$/i;
/** Arguments that name the one behind them, though they form no pair. */
const ARGUMENT_NAMES =
  /^(?:password|passwd|passphrase|secret|token|authorization|credentials?|api_(?:key|token|secret)|(?:access|auth|refresh|bearer|api)_token|(?:client|api|app|consumer|webhook|signing)_secret|(?:secret|private|access|signing|encryption)_key)$/;
/** The members of a JSON Web Key, which has a `kty`, that are private. */
const JWK_PRIVATE = new Set(['d', 'p', 'q', 'dp', 'dq', 'qi', 'k', 'oth']);
/** What these name has many values that say what it is, not what opens it. */
const RECORDS = /(?:^|_)(?:cards?|sessions?|auth|signatures?|cookies?|authori[sz]ations?)$/;
const ID = /(?:^|_)ids?$/;

/** The part of the path that leads to a value, from its last key; containers share the beginnings. */
interface Path {
  readonly parent: Path | null;
  readonly key: string;
  readonly length: number;
}

export interface RedactorSettings {
  keys: Keys;
  rules: PathRules;
  of: keyof typeof ARGUMENTS_AT;
  secrets: SecretRegistry;
  marker: string;
  /** Hides what is secret in a text by itself; its secrets are added to the registry. */
  hideInText(text: string): Steps<string>;
}

/** What a value inherits. */
interface Context {
  path: Path | null;
  isSecret: boolean;
  /** Active Job's list of names. */
  isMark: boolean;
}

export class JsonRedactor implements JsonVisitor<Context> {
  private readonly argumentsAt: readonly string[] | null;
  private readonly hasRules: boolean;

  constructor(
    private readonly settings: RedactorSettings,
    private readonly nesting = 0,
  ) {
    this.argumentsAt = ARGUMENTS_AT[settings.of];
    const { hide, show } = settings.rules;
    this.hasRules = this.argumentsAt !== null && hide.length + show.length > 0;
  }

  /** `path`: where the value is in what it belongs to. */
  *redact(json: Json, path: readonly string[] = []): Steps<Json> {
    let own: Path | null = null;
    for (const key of path) own = below(own, key);
    const isSecret = path.some((part) => this.settings.keys.isSecret(part));
    return yield* transformJson<Context>(json, { path: own, isSecret, isMark: false }, this);
  }

  *enter(json: Json, { path, isSecret, isMark }: Context): Steps<Json | undefined> {
    if (json === TOO_DEEP) return this.overflow();
    if (isMark) return yield* this.mark(json);
    const own = this.ruleAt(path);
    if (own === 'show') return json;
    if (isSecret || own === 'hide') {
      const name = path?.key ?? '';
      if (own !== 'hide' && this.isShownUnderSecret(json, name)) return json;
      // Some of it may have a rule of its own that shows it.
      if (own !== 'hide' || json.kind === 'scalar' || !this.hasShowRuleBelow(path))
        return json.kind === 'scalar' && json.text === 'null'
          ? json
          : yield* this.hideWhole(json, name);
    }
    return json.kind === 'scalar' ? yield* this.scalar(json) : undefined;
  }

  inner(container: Exclude<Json, { kind: 'scalar' }>, context: Context): InnerContext<Context> {
    return container.kind === 'array'
      ? this.innerOfArray(container, context)
      : this.innerOfObject(container, context);
  }

  private innerOfArray(
    { items }: Json & { kind: 'array' },
    { path, isSecret, isMark }: Context,
  ): InnerContext<Context> {
    const areArguments = this.areArguments(path);
    const plain: Context = { path: below(path, '*'), isSecret, isMark };
    return {
      item: (index) => {
        const named = !isSecret && !isMark && this.isNamed(items, index, areArguments);
        // Only rules read the path of an item.
        if (!named && !this.hasRules) return plain;
        return { path: below(path, String(index)), isSecret: isSecret || named, isMark };
      },
      entry: () => plain,
    };
  }

  private innerOfObject(
    json: Json & { kind: 'object' },
    { path, isSecret }: Context,
  ): InnerContext<Context> {
    const { keys } = this.settings;
    // JSON Patch names it by a path.
    const isPatch = get(json, 'op') !== undefined;
    const isJwk = get(json, 'kty') !== undefined;
    const isNamed = json.entries.some(
      ({ key, value }) =>
        (NAMING.has(key.toLowerCase()) || (isPatch && key === 'path')) &&
        this.isSecretName(nameOf(value)),
    );
    return {
      item: () => ({ path, isSecret, isMark: false }),
      entry: (key, value) => ({
        path: below(path, key),
        isSecret:
          isSecret ||
          keys.isSecret(key) ||
          (isNamed && VALUED.test(key)) ||
          (isJwk && JWK_PRIVATE.has(key)),
        isMark: isActiveJobMark(key, value),
      }),
      key: (key) => this.keyText(key),
    };
  }

  /** Names of keys, or of a class: as they are, unless they are secrets themselves. */
  private *mark(value: Json): Steps<Json | undefined> {
    if (value.kind !== 'scalar') return undefined;
    const name = stringOf(value);
    if (name === undefined) return value;
    const redacted = yield* this.keyText(name);
    return redacted === name ? value : scalar(redacted);
  }

  private ruleAt(path: Path | null): 'hide' | 'show' | null {
    const own = this.hasRules ? this.pathInArguments(path) : null;
    if (!own) return null;
    const { hide, show } = this.settings.rules;
    if (show.some((rule) => isWithin(rule, own))) return 'show';
    return hide.some((rule) => isWithin(rule, own)) ? 'hide' : null;
  }

  /** Undefined outside of the arguments, and for their list itself. */
  private pathInArguments(path: Path | null): string[] | undefined {
    const prefix = this.argumentsAt ?? [];
    if (!path || path.length <= prefix.length) return undefined;
    const parts = partsOf(path);
    return prefix.every((part, n) => parts[n] === part) ? parts.slice(prefix.length) : undefined;
  }

  private hasShowRuleBelow(path: Path | null): boolean {
    const depth = (path?.length ?? 0) - (this.argumentsAt?.length ?? 0);
    return this.settings.rules.show.some((rule) => rule.length > depth);
  }

  private areArguments(path: Path | null): boolean {
    const prefix = this.argumentsAt;
    if (prefix === null || (path?.length ?? 0) !== prefix.length) return false;
    const parts = partsOf(path);
    return prefix.every((part, n) => parts[n] === part);
  }

  private isShownUnderSecret(json: Json, name: string): boolean {
    return json.kind === 'scalar' && isPlainJsonValue(name, stringOf(json) ?? json.text);
  }

  private isSecretName(name: string | undefined): boolean {
    return (
      name !== undefined && name.length <= MAX_NAME_LENGTH && this.settings.keys.isSecret(name)
    );
  }

  /** `["Authorization", "Bearer …"]`, `["--password", "…"]`: a value behind its name. A sentence or a mailer's method is no name. */
  private isNamed(items: readonly Json[], n: number, areArguments: boolean): boolean {
    const name = n > 0 ? nameOf(items[n - 1]) : undefined;
    if (
      name === undefined ||
      name.length > MAX_NAME_LENGTH ||
      !/^[-:]{0,2}[\p{L}\p{N}_.-]+[:=]?$/u.test(name)
    )
      return false;
    const isOption = name.startsWith('-');
    // Arguments follow each other without being pairs: `"AccountMailer", "password_reset", "deliver_now"`.
    if (areArguments && !isOption) return ARGUMENT_NAMES.test(plainName(name));
    return (isOption || n % 2 === 1) && this.settings.keys.isSecret(name);
  }

  /** A key is shown as it is, unless it is a secret itself, as in a hash by access tokens. */
  private *keyText(key: string): Steps<string> {
    return key.length < SHORTEST_TOKEN || isMarkKey(key)
      ? key
      : yield* this.settings.hideInText(key);
  }

  private *scalar(json: Json & { kind: 'scalar' }): Steps<Json> {
    const text = stringOf(json);
    if (text === undefined)
      return json.text.length >= SHORTEST_TOKEN ? yield* this.text(json, json.text) : json;
    const nested = yield* this.nestedJson(text);
    if (!nested) return yield* this.text(json, text);
    const inner = { ...this.settings, of: 'other' as const };
    const redacted = yield* new JsonRedactor(inner, this.nesting + 1).redact(nested);
    const printed = yield* printSteps(redacted, 'compact');
    return printed === (yield* printSteps(nested, 'compact')) ? json : scalar(printed);
  }

  /** JSON that a string holds; undefined for other strings. */
  private *nestedJson(text: string): Steps<Json | undefined> {
    if (this.nesting >= MAX_NESTING || !/^\s*[[{"]/.test(text)) return undefined;
    const nested = yield* parseSteps(text);
    const isNumber = nested?.kind === 'scalar' && stringOf(nested) === undefined;
    return isNumber ? undefined : nested;
  }

  private *text(json: Json, text: string): Steps<Json> {
    const redacted = yield* this.settings.hideInText(text);
    return redacted === text ? json : scalar(redacted);
  }

  private overflow(): Json {
    const { secrets, marker } = this.settings;
    secrets.hidden = true;
    secrets.overflowed = true;
    return scalar(marker);
  }

  /** The marker; every value under it goes to the registry, and each key that looks like a credential. */
  private *hideWhole(root: Json, name: string): Steps<Json> {
    const { secrets, marker, keys } = this.settings;
    secrets.hidden = true;
    const isRecord = RECORDS.test(plainName(name));
    const open: { json: Json; key: string | null }[] = [{ json: root, key: null }];
    for (let n = 1; open.length > 0 && !secrets.overflowed; n += 1) {
      if (n % YIELD_AFTER === 0) yield;
      const { json, key } = open.pop() as { json: Json; key: string | null };
      if (json === TOO_DEEP) this.overflow();
      else if (json.kind === 'array') for (const item of json.items) open.push({ json: item, key });
      else if (json.kind === 'object')
        for (const { key: own, value } of json.entries) {
          if (isActiveJobMark(own, value) || isGlobalId(own, value)) continue;
          if (looksLikeCredential(own)) yield* addSecret(secrets, own, keys);
          open.push({ json: value, key: own });
        }
      else {
        const text = stringOf(json) ?? json.text;
        if (!(isRecord && key !== null && this.saysNothing(key, text)))
          yield* addSecret(secrets, text, keys);
      }
    }
    return scalar(marker);
  }

  /** `{"card": {"kind": "Invoice"}}`: a word that appears everywhere. */
  private saysNothing(inner: string, text: string): boolean {
    return (
      !this.settings.keys.isSecret(inner) &&
      !/^(?:key|value|code)s?$/i.test(inner) &&
      (/^\p{Lu}?\p{Ll}{1,15}$/u.test(text) ||
        (ID.test(plainName(inner)) && /^\d{1,12}$/.test(text)))
    );
  }
}

const below = (parent: Path | null, key: string): Path => ({
  parent,
  key,
  length: (parent?.length ?? 0) + 1,
});

function partsOf(path: Path | null): string[] {
  const parts: string[] = [];
  for (let own = path; own; own = own.parent) parts.push(own.key);
  return parts.reverse();
}

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
