import sql from 'sql-template-tag';
import type { Tx } from '../db/types';
import { parseJson } from '../good-job/json';
import type { GoodJob } from '../good-job/tables';
import { READ_BEYOND, redaction } from '../redaction/redaction';
import { SecretRegistry } from '../redaction/secret-registry';

const TEXT_SHOWN = 300;
/** Characters to read of an error. */
export const ERROR_READ = TEXT_SHOWN + READ_BEYOND;
/** Of a job whose payload is larger (compressed, bytes) the error is hidden: there is no time to look what it repeats. */
const LARGEST_LOOKED_INTO = 1_000_000;

/** The items with their jobs' errors as they are shown: without what is hidden of them, nor of those jobs' arguments. */
export async function withShownErrors<
  Item extends { id: string; jobClass: string | null; error: string | null },
>(tx: Tx, gj: GoodJob, items: Item[]): Promise<Item[]> {
  const rules = redaction();
  const ids = items.map(({ id }) => id);
  // good_jobs_pkey
  const stored = rules.off
    ? []
    : await tx.query<{ id: string; arguments: string | null }>(sql`
    SELECT j.id, CASE WHEN pg_column_size(j.serialized_params) < ${LARGEST_LOOKED_INTO} THEN (j.serialized_params -> 'arguments')::text ELSE '' END AS arguments
      FROM ${gj.jobs} j WHERE j.id = ANY(${ids}::uuid[])`);
  const argumentsOf = new Map(stored.map((row) => [row.id, row.arguments]));
  return items.map((item) => {
    const secrets = new SecretRegistry();
    // A job that is gone by now: nobody knows what its error repeats.
    const given = argumentsOf.has(item.id) ? argumentsOf.get(item.id) : '';
    if (given)
      rules.redactJson(parseJson(given), { of: 'arguments', jobClass: item.jobClass, secrets });
    else secrets.overflowed = given === '';
    return {
      ...item,
      jobClass: item.jobClass && rules.redactText(item.jobClass),
      error:
        item.error && rules.excerpt(item.error, { read: ERROR_READ, shown: TEXT_SHOWN, secrets }),
    };
  });
}
