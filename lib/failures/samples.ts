import sql from 'sql-template-tag';
import type { Tx } from '../db/types';
import { normalizeError } from '../good-job/failure-key';
import { FRAME_READ } from '../good-job/failure-rows';
import { parseJson } from '../good-job/json';
import type { GoodJob } from '../good-job/tables';
import { HIDDEN, READ_BEYOND, redaction } from '../redaction/redaction';
import { SecretRegistry } from '../redaction/secret-registry';
import { cut } from '../text';
import type { FailureGroup } from './types';

/** Characters of an error that a sample carries. */
const SAMPLE_SHOWN = 1_000;
/** Of a job whose payload is larger (compressed, bytes) the error is hidden: there is no time to look what it repeats. */
const LARGEST_LOOKED_INTO = 1_000_000;

/** Hides in samples, and in the normal form that is made of the newest, what is hidden in their own jobs' arguments too. */
export async function redactSamples(
  tx: Tx,
  gj: GoodJob,
  groups: FailureGroup[],
): Promise<FailureGroup[]> {
  const rules = redaction();
  const ids = groups.flatMap(({ samples }) => samples.map(({ id }) => id));
  const stored = await tx.query<{ id: string; arguments: string | null }>(sql`
    SELECT j.id, CASE WHEN pg_column_size(j.serialized_params) < ${LARGEST_LOOKED_INTO} THEN (j.serialized_params -> 'arguments')::text ELSE '' END AS arguments
      FROM ${gj.jobs} j WHERE j.id = ANY(${ids}::uuid[])`);
  const argumentsOf = new Map(stored.map((row) => [row.id, row.arguments]));
  const secretsOf = (id: string, jobClass: string | null): SecretRegistry => {
    const secrets = new SecretRegistry();
    const given = argumentsOf.get(id);
    if (given) rules.redactJson(parseJson(given), { of: 'arguments', jobClass, secrets });
    else secrets.overflowed = given === '';
    return secrets;
  };
  return groups.map((group) => {
    const known = new Map(group.samples.map(({ id }) => [id, secretsOf(id, group.jobClass)]));
    const shown = (id: string, error: string): string =>
      rules.redactText(error, known.get(id) ?? new SecretRegistry());
    // Queues are those of any of them.
    const text = (given: string) =>
      [...known.values()].reduce(
        (hidden, secrets) => secrets.hideIn(hidden, HIDDEN),
        rules.redactText(given),
      );
    const [newest] = group.samples;
    return {
      ...group,
      jobClass: group.jobClass && rules.redactText(group.jobClass),
      queues: group.queues.map(text),
      frame:
        group.frame &&
        rules.excerpt(group.frame, {
          read: FRAME_READ,
          shown: FRAME_READ - READ_BEYOND,
          secrets: newest && known.get(newest.id),
        }),
      error: newest ? normalizeError(shown(newest.id, newest.error)) : group.error,
      samples: group.samples.map((sample) => ({
        ...sample,
        error: cut(shown(sample.id, sample.error), SAMPLE_SHOWN),
      })),
    };
  });
}
