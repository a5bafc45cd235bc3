import type { Concealing } from './good-job/failure-key';
import { type Json, type Redactor, get, stringOf } from './good-job/json';
import { redaction } from './redaction/redaction';

/** What must not be shown of any JSON; of a job's row or payload by the rules of its class too. */
export const redactor: Redactor = (path: readonly (string | number)[], value: Json) => {
  const params = get(value, 'serialized_params');
  const jobClass =
    stringOf(get(value, 'job_class')) ?? (params && stringOf(get(params, 'job_class'))) ?? null;
  const of =
    path.length > 0 ? 'other' : params ? 'row' : get(value, 'arguments') ? 'payload' : 'other';
  return redaction().redactJson(value, { of, jobClass, path: path.map(String) });
};

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
