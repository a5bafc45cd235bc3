import { createHmac } from 'node:crypto';
import {
  DEFAULT_CONFIG,
  getRedactionConfig,
  isHiddenForSome,
  type PathRules,
  type RedactionConfig,
  rulesOf,
} from '../config/redaction-rules';
import { type Json, type Redactor, compactJson, memberOf, parseJson, stringOf } from '../core/json';
import { type Steps, type TextBudget, runInSteps, runToEnd } from '../core/steps';
import { truncateText, escapeBidi } from '../core/text';
import { type ARGUMENTS_PATH, JsonRedactor } from './json-redactor';
import { hideRepeats } from './json-transform';
import { SecretNameMatcher } from './key-names';
import { type Span, replaceSpans } from './scan';
import { addSecret, secretSpanSteps } from './secret-parts';
import { SecretRegistry, couldRepeatSecret } from './secret-registry';

/** The replacement of a hidden value, in every language and format. */
export const REDACTION_MARKER = '[REDACTED]';

/** Characters to read beyond an excerpt, so that a secret at its end is recognized. */
export const EXCERPT_MARGIN = 2_000;
/** Characters of the longest text whose secret spans are cached. */
const MAX_CACHED_LENGTH = 100;
/** Texts of one JSON that may use the cache: a large JSON would replace all of its entries. */
const MAX_CACHED_TEXTS = 64;
/**
 * Entries per cache. 64 kB of distinct names have more, so their time grows linearly instead of
 * jumping.
 */
const CACHE_SIZE = 500;

export interface JsonOptions {
  /** The job class, whose rules apply; null: no class. */
  jobClass?: string | null;
  /** A job's argument list, its payload (with `arguments`), its row, or other JSON. */
  kind?: keyof typeof ARGUMENTS_PATH;
  /** The path of this value inside the arguments, payload or row. */
  path?: readonly string[];
  /** The registry of the row. Hidden values are added, and its values are hidden everywhere. */
  secrets?: SecretRegistry;
  /** The replacement of hidden values. */
  marker?: string;
}

const NO_RULES: PathRules = { hide: [], show: [] };
/** A short word without punctuation cannot contain a secret. */
const PLAIN_WORD = /^\w{0,11}$/;

/**
 * Hides secrets in job data according to one configuration. All redaction goes through this class.
 */
export class Redaction {
  private readonly keys: SecretNameMatcher;
  private readonly rules = new Map<string, PathRules>();
  private readonly spans = new Map<string, readonly Span[]>();

  constructor(readonly config: RedactionConfig = DEFAULT_CONFIG) {
    this.keys = new SecretNameMatcher(config);
  }

  /** `REDACTION=off`: nothing is hidden. */
  get isOff(): boolean {
    return this.config.off;
  }

  /**
   * An HMAC of the text in hex. Without the key, an attacker cannot test guesses of a hidden text
   * against it.
   */
  sign(text: string): string {
    return createHmac('sha256', this.config.key).update(text).digest('hex');
  }

  /** Whether the value of a key with this name is hidden. */
  isSecretKey(name: string): boolean {
    return !this.isOff && this.keys.isSecret(name);
  }

  /**
   * Whether a key name or a rule of any job class may hide the value at this path of the arguments.
   */
  isSecretPath(path: readonly string[]): boolean {
    return (
      !this.isOff &&
      (path.some((part) => this.keys.isSecret(part)) || isHiddenForSome(this.config.classes, path))
    );
  }

  /**
   * The first `maxChars` characters of a redacted text, of which the caller read at most `read`
   * characters. Text near the end of what was read is dropped, because a secret there may be
   * incomplete.
   */
  excerpt(
    text: string,
    { read, maxChars, secrets }: { read: number; maxChars: number; secrets?: SecretRegistry },
  ): string {
    const redacted = secrets ? this.redactText(text, secrets) : this.redactText(text);
    const isComplete = this.isOff || text.length < read;
    return truncateText(isComplete ? redacted : redacted.slice(0, -EXCERPT_MARGIN / 2), maxChars);
  }

  /**
   * The text with its secrets and all values of `secrets` hidden. New secrets are added to
   * `secrets`; once it has overflowed, a text that could repeat an unregistered value is hidden
   * whole. Bidirectional controls are escaped for display, but stay with any other marker than
   * REDACTION_MARKER, because that text is compared with stored text.
   */
  redactText(text: string, secrets?: SecretRegistry, marker = REDACTION_MARKER): string {
    return runToEnd(this.textSteps(text, secrets, marker));
  }

  /**
   * `redactText` for large texts. Yields to the event loop, by the schedule of `budget` if given.
   */
  redactTextInSteps(
    text: string,
    {
      secrets,
      marker = REDACTION_MARKER,
      budget,
    }: { secrets?: SecretRegistry; marker?: string; budget?: TextBudget } = {},
  ): Promise<string> {
    return runInSteps(this.textSteps(text, secrets, marker), budget);
  }

  /**
   * Hides values registered by other texts of the row in an already redacted text. Yields like
   * `redactTextInSteps`.
   */
  hideRepeatsInSteps(
    text: string,
    { secrets, marker, budget }: { secrets: SecretRegistry; marker: string; budget: TextBudget },
  ): Promise<string> {
    return runInSteps(this.repeatSteps(text, secrets, marker), budget);
  }

  /** The JSON with each secret value hidden whole. Other scalars stay exactly as written. */
  redactJson(json: Json, options: JsonOptions = {}): Json {
    return this.isOff ? json : runToEnd(this.jsonSteps(json, options));
  }

  /**
   * `redactJson` for large JSON. Yields to the event loop, by the schedule of `budget` if given.
   */
  async redactJsonInSteps(
    json: Json,
    { budget, ...options }: JsonOptions & { budget?: TextBudget } = {},
  ): Promise<Json> {
    return this.isOff ? json : runInSteps(this.jsonSteps(json, options), budget);
  }

  /** `redactJson` for plain data. Bidirectional controls in its strings are escaped for display. */
  redactPlain<T>(value: T, options: JsonOptions = {}): T {
    const json = JSON.stringify(value);
    const redacted = this.isOff ? json : compactJson(this.redactJson(parseJson(json), options));
    // Has the shape of T, except that hidden values are strings; callers only display them.
    return JSON.parse(redacted, (_, item: unknown) =>
      typeof item === 'string' ? escapeBidi(item) : item,
    ) as T;
  }

  private *textSteps(
    text: string,
    secrets?: SecretRegistry,
    marker = REDACTION_MARKER,
  ): Steps<string> {
    if (secrets?.overflowed && !this.isOff && couldRepeatSecret(text)) return marker;
    const redacted = yield* this.hideSpans(text, secrets, marker);
    if (secrets?.overflowed && !this.isOff && couldRepeatSecret(text)) return marker;
    return yield* this.repeatSteps(redacted, secrets, marker);
  }

  private *repeatSteps(
    text: string,
    secrets: SecretRegistry | undefined,
    marker: string,
  ): Steps<string> {
    if (secrets?.overflowed && !this.isOff && couldRepeatSecret(text)) return marker;
    const redacted = secrets ? yield* secrets.hideSteps(text, marker) : text;
    return marker === REDACTION_MARKER ? escapeBidi(redacted) : redacted;
  }

  private *jsonSteps(
    json: Json,
    {
      jobClass = null,
      kind = 'other',
      path = [],
      secrets = new SecretRegistry(),
      marker = REDACTION_MARKER,
    }: JsonOptions,
  ): Steps<Json> {
    let cachedTexts = 0;
    const redactor = new JsonRedactor({
      keys: this.keys,
      rules: kind === 'other' ? NO_RULES : this.rulesFor(jobClass),
      kind,
      secrets,
      marker,
      hideInText: (text) => {
        cachedTexts += 1;
        return this.hideSpans(text, secrets, marker, cachedTexts <= MAX_CACHED_TEXTS);
      },
    });
    const redacted = yield* redactor.redact(json, path);
    // A value hidden here may be in clear text at a place that was visited earlier.
    if (secrets.size === 0 && !secrets.overflowed) return redacted;
    const owner = kind === 'row' || kind === 'payload' ? 'job' : kind;
    return yield* hideRepeats(redacted, secrets, marker, owner);
  }

  /** Hides the secrets that the text contains, and adds them to `secrets`. */
  private *hideSpans(
    text: string,
    secrets?: SecretRegistry,
    marker = REDACTION_MARKER,
    isCached = true,
  ): Steps<string> {
    if (this.isOff || PLAIN_WORD.test(text)) return text;
    const spans = yield* isCached ? this.spansOf(text) : secretSpanSteps(text, this.keys);
    if (secrets)
      for (const { from, to } of spans) {
        const value = text.slice(from, to);
        if (secrets.markSearched(value)) yield* addSecret(secrets, value, this.keys);
      }
    return replaceSpans(text, spans, marker);
  }

  /**
   * The secret spans of a text. Short texts are cached, because lists repeat the same classes,
   * queues and labels.
   */
  private *spansOf(text: string): Steps<readonly Span[]> {
    if (text.length > MAX_CACHED_LENGTH) return yield* secretSpanSteps(text, this.keys);
    const cached = this.spans.get(text);
    if (cached) return cached;
    const spans = yield* secretSpanSteps(text, this.keys);
    if (this.spans.size >= CACHE_SIZE) this.spans.clear();
    this.spans.set(text, spans);
    return spans;
  }

  private rulesFor(jobClass: string | null): PathRules {
    const key = jobClass ?? '';
    const cached = this.rules.get(key);
    if (cached) return cached;
    const rules = rulesOf(this.config.classes, jobClass);
    if (key.length > MAX_CACHED_LENGTH) return rules;
    if (this.rules.size >= CACHE_SIZE) this.rules.clear();
    this.rules.set(key, rules);
    return rules;
  }
}

let current: Redaction | undefined;

/** The redaction of this process. It is rebuilt when the configuration changes. */
export function redaction(): Redaction {
  const config = getRedactionConfig();
  if (current?.config !== config) current = new Redaction(config);
  return current;
}

/** Recognizes a job's row or payload by its members. */
function jsonOptions(value: Json): JsonOptions {
  const params = memberOf(value, 'serialized_params');
  const jobClass = stringOf(
    memberOf(value, 'job_class') ?? (params && memberOf(params, 'job_class')),
  );
  const payloadOrOther = memberOf(value, 'arguments') ? 'payload' : 'other';
  return { kind: params ? 'row' : payloadOrOther, jobClass: jobClass ?? null };
}

/** Redacts any JSON. The rules of the job class also apply if it is a job's row or payload. */
export const redactor: Redactor = (path: readonly (string | number)[], value: Json) => {
  const options = jsonOptions(value);
  return redaction().redactJson(value, {
    ...options,
    kind: path.length > 0 ? 'other' : options.kind,
    path: path.map(String),
  });
};

/** `redactor` for large JSON. Yields to the event loop. */
export const redactInSteps = (value: Json): Promise<Json> =>
  redaction().redactJsonInSteps(value, jsonOptions(value));

/** An error or another text of a job, redacted without the registry of its row. */
export const redactError = (text: string): string => redaction().redactText(text);

/** Redaction for the fingerprints of failures. */
export const failureRedactor: FailureRedactor = {
  redact: redactError,
  sign: (text) => redaction().sign(text),
};

/** A redacted queue, job class, cron key or process name; null stays null. */
export const redactName = <Name extends string | null>(name: Name) =>
  name === null ? name : redactError(name);

/** How failure fingerprints avoid revealing secrets. */
export interface FailureRedactor {
  /** The error text with its secrets hidden. */
  redact(text: string): string;
  /**
   * A keyed hash in hex, the same on every server. It prevents guessing words that only the job's
   * arguments reveal as secret, which `redact` cannot detect.
   */
  sign(text: string): string;
}
