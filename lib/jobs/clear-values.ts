import sql, { type Sql, raw } from 'sql-template-tag';
import type { Tx } from '../db/types';
import { parseJson } from '../good-job/json';
import type { GoodJob } from '../good-job/tables';
import { redaction } from '../redaction/redaction';
import { SecretRegistry } from '../redaction/secret-registry';

/** Jobs of one value that are looked at: of two one shows it, if any does. */
export const JOBS_OF_VALUE = 2;
const LARGEST = 1_000_000;

/** A value, and some of the jobs that have it. */
export interface ValueOfJobs {
  value: string;
  ids: string[];
}

/** Some jobs of each value of a column that an index keeps. */
export async function withJobs(
  tx: Tx,
  gj: GoodJob,
  column: string,
  where: Sql,
  values: { value: string }[],
): Promise<ValueOfJobs[]> {
  return tx.query<ValueOfJobs>(sql`
    SELECT v.value, ARRAY(SELECT j.id FROM ${gj.jobs} j WHERE ${raw(`j.${column}`)} = v.value AND ${where} LIMIT ${JOBS_OF_VALUE}) AS ids
      FROM unnest(${values.map(({ value }) => value)}::text[]) WITH ORDINALITY v(value, n) ORDER BY v.n`);
}

/** The values that lists show as they are: nothing of them is hidden, by itself or because a job's arguments hide it. */
export async function clearValues(tx: Tx, gj: GoodJob, found: ValueOfJobs[]): Promise<string[]> {
  const rules = redaction();
  const values = found.filter(({ value }) => rules.redactText(value) === value);
  if (rules.off || values.length === 0) return values.map(({ value }) => value);
  const rows = await tx.query<{
    id: string;
    jobClass: string | null;
    arguments: string | null;
  }>(sql`
    SELECT j.id, j.job_class AS "jobClass", (j.serialized_params -> 'arguments')::text AS arguments
      FROM ${gj.jobs} j WHERE j.id = ANY(${values.flatMap(({ ids }) => ids)}::uuid[]) AND coalesce(pg_column_size(j.serialized_params), 0) <= ${LARGEST}`);
  const secretsOf = new Map(
    rows.map(({ id, jobClass, arguments: stored }) => {
      const secrets = new SecretRegistry();
      if (stored !== null)
        rules.redactJson(parseJson(stored), { of: 'arguments', jobClass, secrets });
      return [id, secrets];
    }),
  );
  const isClear = ({ value, ids }: ValueOfJobs) =>
    ids.some((id) =>
      ((secrets) => secrets !== undefined && rules.redactText(value, secrets) === value)(
        secretsOf.get(id),
      ),
    );
  return values.filter(isClear).map(({ value }) => value);
}
