import { createHmac } from 'node:crypto';
import { DEFAULT_CONFIG, type RedactionConfig } from '../config/redaction-rules';
import { type Json, get, stringOf } from '../core/json';
import { type Redactor, compactJson, parseJson } from '../core/json-text';
import { type Steps, type TextBudget, runInSteps, runToEnd } from '../core/steps';
import { cut, escapeBidi } from '../core/text';
import { type ARGUMENTS_AT, JsonRedactor } from './json-redactor';
import { hideRepeats } from './json-transform';
import { Keys } from './key-names';
import { type PathRules, currentRedaction, isHiddenForSome, rulesOf } from './path-rules';
import { type Span, replaceSpans } from './scan';
import { secretSpanSteps } from './scanner';
import { addSecret } from './secret-parts';
import { SecretRegistry, couldRepeatSecret } from './secret-registry';

/** Replaces anything hidden, in every language and format. */
export const HIDDEN = '[REDACTED]';

/** Characters to read of a text beyond those that are shown. */
export const READ_BEYOND = 2_000;
/** Names of this length are cached with what is hidden of them. */
const MAX_CACHED_NAME = 100;
/** Fewer than 64 kB of different names have, so that twice as many names take twice the time. */
const CACHE_SIZE = 500;

export interface JsonOptions {
  /** The job's class, for its own rules; null: it has none, or this is no job's. */
  jobClass?: string | null;
  /** What the JSON is: a job's list of arguments, its payload (which has them under `arguments`), its row, or anything else. */
  of?: keyof typeof ARGUMENTS_AT;
  /** The place of this value in what it is `of`. */
  path?: readonly string[];
  /** Hidden values of the same row: added to, and hidden at every other place. */
  secrets?: SecretRegistry;
  marker?: string;
}

const NO_RULES: PathRules = { hide: [], show: [] };
/** A name without any sign: it holds nothing to hide. */
const PLAIN_WORD = /^\w{0,11}$/;

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

  /** Hex digits that identify a text of which something may be hidden: without the key nobody can test guesses on them. */
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

  /** The beginning of a text of which more was read than is shown, so that a secret at the cut is known whole. */
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
   * With the marker HIDDEN the text is for readers, and bidirectional controls are escapes; with another it is to be
   * compared with stored text, and they stay.
   */
  redactText(text: string, secrets?: SecretRegistry, marker = HIDDEN): string {
    return runToEnd(this.textSteps(text, secrets, marker));
  }

  /** `redactText` for large texts: yields to the event loop, and to `budget` where there is one. */
  redactTextInSteps(
    text: string,
    {
      secrets,
      marker = HIDDEN,
      budget,
    }: { secrets?: SecretRegistry; marker?: string; budget?: TextBudget } = {},
  ): Promise<string> {
    return runInSteps(this.textSteps(text, secrets, marker), budget);
  }

  /** Hides what other texts of the row hide, in a text that was redacted before them. Yields as `redactTextInSteps`. */
  hideRepeatsInSteps(
    text: string,
    { secrets, marker, budget }: { secrets: SecretRegistry; marker: string; budget: TextBudget },
  ): Promise<string> {
    return runInSteps(this.repeatSteps(text, secrets, marker), budget);
  }

  /** JSON with what is secret in it hidden, each value whole; its other scalars keep their characters. */
  redactJson(json: Json, options: JsonOptions = {}): Json {
    return this.off ? json : runToEnd(this.jsonSteps(json, options));
  }

  /** `redactJson` for large JSON: yields to the event loop, and to `budget` where there is one. */
  async redactJsonInSteps(
    json: Json,
    { budget, ...options }: JsonOptions & { budget?: TextBudget } = {},
  ): Promise<Json> {
    return this.off ? json : runInSteps(this.jsonSteps(json, options), budget);
  }

  /** The same of plain data, whose strings are for readers. */
  redactPlain<T>(value: T, options: JsonOptions = {}): T {
    const json = JSON.stringify(value);
    const redacted = this.off ? json : compactJson(this.redactJson(parseJson(json), options));
    return JSON.parse(redacted, (_, own: unknown) =>
      typeof own === 'string' ? escapeBidi(own) : own,
    ) as T;
  }

  private *textSteps(text: string, secrets?: SecretRegistry, marker = HIDDEN): Steps<string> {
    if (secrets?.overflowed && !this.off && couldRepeatSecret(text)) return marker;
    const redacted = yield* this.hideSpans(text, secrets, marker);
    if (secrets?.overflowed && !this.off && couldRepeatSecret(text)) return marker;
    return yield* this.repeatSteps(redacted, secrets, marker);
  }

  private *repeatSteps(
    text: string,
    secrets: SecretRegistry | undefined,
    marker: string,
  ): Steps<string> {
    if (secrets?.overflowed && !this.off && couldRepeatSecret(text)) return marker;
    const redacted = secrets ? yield* secrets.hideSteps(text, marker) : text;
    return marker === HIDDEN ? escapeBidi(redacted) : redacted;
  }

  private *jsonSteps(
    json: Json,
    {
      jobClass = null,
      of = 'other',
      path = [],
      secrets = new SecretRegistry(),
      marker = HIDDEN,
    }: JsonOptions,
  ): Steps<Json> {
    const redactor = new JsonRedactor({
      keys: this.keys,
      rules: of === 'other' ? NO_RULES : this.rulesFor(jobClass),
      of,
      secrets,
      marker,
      hideInText: (text) => this.hideSpans(text, secrets, marker),
    });
    const redacted = yield* redactor.redact(json, path);
    // A value that is hidden at one place may be in clear at another that was visited before.
    if (secrets.size === 0 && !secrets.overflowed) return redacted;
    const kind = of === 'row' || of === 'payload' ? 'job' : of;
    return yield* hideRepeats(redacted, secrets, marker, kind);
  }

  /** Hides what is secret by itself, and adds it to `secrets`. */
  private *hideSpans(text: string, secrets?: SecretRegistry, marker = HIDDEN): Steps<string> {
    if (this.off || PLAIN_WORD.test(text)) return text;
    const spans = yield* this.spansOf(text);
    if (secrets)
      for (const { from, to } of spans) yield* addSecret(secrets, text.slice(from, to), this.keys);
    return replaceSpans(text, spans, marker);
  }

  /** Classes, queues and labels are few and are repeated in each row of each list. */
  private *spansOf(text: string): Steps<readonly Span[]> {
    if (text.length > MAX_CACHED_NAME) return yield* secretSpanSteps(text, this.keys);
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
    if (key.length > MAX_CACHED_NAME) return rules;
    if (this.rules.size >= CACHE_SIZE) this.rules.clear();
    this.rules.set(key, rules);
    return rules;
  }
}

let current: Redaction | undefined;

/** This server's rules. */
export function redaction(): Redaction {
  const config = currentRedaction();
  if (current?.config !== config) current = new Redaction(config);
  return current;
}

/** What the JSON is by its members: a job's row, its payload, or anything else. */
function jsonOptions(value: Json): JsonOptions {
  const params = get(value, 'serialized_params');
  const jobClass = stringOf(get(value, 'job_class') ?? (params && get(params, 'job_class')));
  const ofPayload = get(value, 'arguments') ? 'payload' : 'other';
  return { of: params ? 'row' : ofPayload, jobClass: jobClass ?? null };
}

/** Redacts any JSON; a job's row or payload by the rules of its class too. */
export const redactor: Redactor = (path: readonly (string | number)[], value: Json) => {
  const options = jsonOptions(value);
  return redaction().redactJson(value, {
    ...options,
    of: path.length > 0 ? 'other' : options.of,
    path: path.map(String),
  });
};

/** `redactor` for large JSON: yields to the event loop. */
export const redactInSteps = (value: Json): Promise<Json> =>
  redaction().redactJsonInSteps(value, jsonOptions(value));

/** The same for an error's text, whole or cut, and for any other text of a job. */
export const redactError = (text: string): string => redaction().redactText(text);

/** For the fingerprints of failures. */
export const concealing: Concealing = {
  redact: redactError,
  sign: (text) => redaction().sign(text),
};

/** The same for a name that may be none: a queue, a class, a cron key, whatever a worker calls itself. */
export const redactName = <Name extends string | null>(name: Name) =>
  name === null ? name : redactError(name);

/** How a reader of failures keeps what must not be known of them. */
export interface Concealing {
  /** Takes out of an error what must not be shown. */
  redact(text: string): string;
  /** Hex digits that stand for a text, the same on every server, and that nobody else can make of a text that he guesses: the arguments may hide words of an error that `redact` does not know. */
  sign(text: string): string;
}
