import sql from 'sql-template-tag';
import type { Tx } from '../db/types';
import { normalizeError } from '../good-job/failure-key';
import { parseJson } from '../good-job/json';
import type { GoodJob } from '../good-job/tables';
import { HIDDEN, redaction } from '../redaction/redaction';
import { Secrets } from '../redaction/secrets';
import { cut } from '../text';
import type { FailureGroup } from './types';

/** Characters of an error that a sample carries. */
const SAMPLE_SHOWN = 1_000;
/** Of a job whose payload is larger (compressed, bytes) the error is hidden: there is no time to look what it repeats. */
const LARGEST_LOOKED_INTO = 1_000_000;

/** Hides in samples, and in the normal form that is made of the newest, what is hidden in their own jobs' arguments too. */
export async function redactSamples(tx: Tx, gj: GoodJob, groups: FailureGroup[]): Promise<FailureGroup[]> {
  const rules = redaction();
  const ids = groups.flatMap(({ samples }) => samples.map(({ id }) => id));
  const stored = await tx.query<{ id: string; arguments: string | null }>(sql`
    SELECT j.id, CASE WHEN pg_column_size(j.serialized_params) < ${LARGEST_LOOKED_INTO} THEN (j.serialized_params -> 'arguments')::text ELSE '' END AS arguments
      FROM ${gj.jobs} j WHERE j.id = ANY(${ids}::uuid[])`);
  const argumentsOf = new Map(stored.map((row) => [row.id, row.arguments]));
  return groups.map((group) => {
    const shown = (id: string, error: string): string => {
      const given = argumentsOf.get(id);
      if (given === '' && !rules.off) return HIDDEN;
      const secrets = new Secrets();
      if (given) rules.json(parseJson(given), { of: 'arguments', jobClass: group.jobClass, secrets });
      return rules.text(error, secrets);
    };
    const [newest] = group.samples;
    return {
      ...group,
      error: newest ? normalizeError(shown(newest.id, newest.error)) : group.error,
      samples: group.samples.map((sample) => ({ ...sample, error: cut(shown(sample.id, sample.error), SAMPLE_SHOWN) })),
    };
  });
}
