import sql, { type Sql, raw } from 'sql-template-tag';
import type { Tx } from '../db/types';
import type { GoodJob } from '../good-job/tables';
import { redaction } from '../redaction/redaction';
import type { SecretRegistry } from '../redaction/secret-registry';
import { type StoredTexts, newJobBudget, redactTexts, storedTextColumns } from './job-texts';

/** Jobs of one value that are looked at: of two one shows it, if any does. */
export const JOBS_OF_VALUE = 2;
/** Jobs that one statement reads. */
const CHUNK = 50;

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

/**
 * The values that lists show as they are: nothing of them is hidden, by itself or because another text of a job hides
 * it. A job that was not read completely shows nothing.
 */
export async function clearValues(tx: Tx, gj: GoodJob, found: ValueOfJobs[]): Promise<string[]> {
  const rules = redaction();
  if (rules.off) return found.map(({ value }) => value);
  const budget = newJobBudget();
  const values: ValueOfJobs[] = [];
  for (const one of found) {
    if (!budget.spend(one.value.length)) break;
    if ((await rules.redactTextInSteps(one.value, { budget })) === one.value) values.push(one);
  }
  if (values.length === 0) return [];
  const secretsOf = new Map<string, SecretRegistry>();
  const ids = [...new Set(values.flatMap((value) => value.ids))];
  for (let from = 0; from < ids.length && !budget.exhausted; from += CHUNK) {
    const rows = await tx.query<StoredTexts & { id: string }>(sql`
      SELECT j.id, ${storedTextColumns()} FROM ${gj.jobs} j WHERE j.id = ANY(${ids.slice(from, from + CHUNK)}::uuid[])`);
    for (const row of rows) {
      const { secrets } = await redactTexts(row, { budget, withArguments: true });
      secretsOf.set(row.id, secrets);
      await budget.yieldIfDue();
    }
  }
  const clear: string[] = [];
  for (const { value, ids: jobs } of values)
    for (const id of jobs) {
      const secrets = secretsOf.get(id);
      if (!secrets || (await rules.redactTextInSteps(value, { secrets, budget })) !== value)
        continue;
      clear.push(value);
      break;
    }
  return clear;
}
