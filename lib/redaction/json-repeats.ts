import type { Steps } from '../core/steps';
import { type Json, scalar, stringOf } from '../good-job/json';
import { type InnerContext, type JsonVisitor, transformJson } from './json-transform';
import { type SecretRegistry, couldRepeatSecret } from './secret-registry';

/*
 * Hides the repeats of a row's hidden values in all other strings, numbers and keys of its JSON. Once the registry has
 * overflowed, every string, number and key of the row's own data that could repeat an unknown value is hidden whole.
 */

/** What a value is part of: the columns of a job (or the members of its payload), or data of the application. */
interface Context {
  isColumn: boolean;
  isShown: boolean;
  /** A column that holds no text of the application: an id or a time. */
  isFixed: boolean;
}

const FIXED_COLUMN =
  /^(?:id|.*_id|.*_at|priority|executions|executions_count|error_event|locale|timezone)$/;
const FIXED_VALUE =
  /^(?:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}|\d{4}-\d\d-\d\d[T ][\d:.]{5,15}(?:Z|UTC|[+-]\d\d:?\d\d)?|\d{1,9}|[a-z]{2}|UTC|interrupted|unhandled|handled|retried|retry_stopped|discarded)$/i;

/** `ofJob`: the JSON is the row or the payload of a job, whose class stays readable. */
export function hideRepeats(
  json: Json,
  secrets: SecretRegistry,
  marker: string,
  of: 'job' | 'arguments' | 'other',
): Steps<Json> {
  const visitor = new RepeatHider(secrets, marker, of === 'job');
  return transformJson(
    json,
    { isColumn: of !== 'arguments', isShown: false, isFixed: false },
    visitor,
  );
}

class RepeatHider implements JsonVisitor<Context> {
  constructor(
    private readonly secrets: SecretRegistry,
    private readonly marker: string,
    private readonly ofJob: boolean,
  ) {}

  *enter(json: Json, { isShown, isFixed }: Context): Steps<Json | undefined> {
    if (isShown) return json;
    if (json.kind !== 'scalar') return undefined;
    const text = stringOf(json) ?? json.text;
    if (text.length < 4) return json;
    const redacted = yield* this.hide(text, isFixed);
    return redacted === text ? json : scalar(redacted);
  }

  inner(
    container: Exclude<Json, { kind: 'scalar' }>,
    { isColumn }: Context,
  ): InnerContext<Context> {
    const data: Context = { isColumn: false, isShown: false, isFixed: false };
    const ownColumns = isColumn && container.kind === 'object';
    return {
      item: () => data,
      entry: (key) => {
        if (key === '_aj_serialized') return { ...data, isShown: true };
        if (!ownColumns) return data;
        return {
          isColumn: this.ofJob && key === 'serialized_params',
          isShown: this.ofJob && key === 'job_class',
          isFixed: this.ofJob && FIXED_COLUMN.test(key),
        };
      },
      key: (key) => {
        if (key.length < 4 || key.startsWith('_aj_')) return key;
        // The names of columns are the console's; a key of the application may repeat a value.
        if (!ownColumns && this.secrets.overflowed && couldRepeatSecret(key)) return this.marker;
        return this.secrets.hideIn(key, this.marker);
      },
    };
  }

  private *hide(text: string, isFixed: boolean): Steps<string> {
    const { secrets, marker } = this;
    if (secrets.overflowed && couldRepeatSecret(text) && !(isFixed && FIXED_VALUE.test(text)))
      return marker;
    return yield* secrets.hideSteps(text, marker);
  }
}
