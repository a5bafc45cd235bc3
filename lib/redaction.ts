import type { Concealing } from './good-job/failure-key';
import { type Json, type Redactor, get, stringOf } from './good-job/json';
import { type JsonOptions, redaction } from './redaction/redaction';

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
