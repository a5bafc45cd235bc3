import sql, { type Sql, join } from 'sql-template-tag';
import type { Tx } from '../db/types';
import type { GoodJob } from '../good-job/tables';
import { VALUES, looseScan, sample } from './distinct-values';
import type { IndexTerm } from './index-terms';
import { literal, wildcard } from './term-conditions';
import type { Term, TextTerm } from './terms';
import { contains, containsAny, escapeLike, includesParts, spellings } from './text-conditions';
import {
  type TextIndexes,
  containing,
  indexHint,
  suitsTrigrams,
  textIndexes,
} from './text-indexes';
import type { IndexHint } from './types';

/** A row that GIN has found is looked at, and its text read once more. */
const COUNTED_ROWS = 3_000;

export interface TextIndexTerms {
  terms: (IndexTerm & { labelsOfNewest?: boolean })[];
  /** The first index that is not there and would help. */
  hint: IndexHint | null;
}

/** The terms that an index answers which GoodJob does not bring but this database has; `exact`: none that leaves labels out. */
export async function textIndexTerms(
  tx: Tx,
  gj: GoodJob,
  filter: readonly Term[],
  exact: boolean,
): Promise<TextIndexTerms> {
  const found: TextIndexTerms = { terms: [], hint: null };
  const slow = filter.filter(
    (term) =>
      !term.negated &&
      (term.kind === 'text' ||
        term.kind === 'argument' ||
        (term.kind === 'match' && term.field === 'error')),
  );
  if (slow.length === 0) return found;
  const indexes = await textIndexes(tx, gj);
  const missing = (index: IndexHint['index']) => (found.hint ??= indexHint(gj, index));
  for (const term of slow) {
    if (term.kind === 'argument') {
      const condition = indexes.json && containing(indexes.json, term.path, term.values);
      if (condition)
        found.terms.push({
          key: JSON.stringify(['args', term.path, term.values]),
          condition,
          limit: COUNTED_ROWS,
        });
      else if (!indexes.json) missing('arguments_json');
    } else if (term.kind === 'match') {
      if (!term.values.every((value) => suitsTrigrams(indexes, value.replaceAll('*', ' '))))
        continue;
      const patterns = term.values.map(
        (value) => wildcard(value) ?? `%${escapeLike(literal(value))}%`,
      );
      if (indexes.error)
        found.terms.push({
          key: JSON.stringify(['error', term.values]),
          condition: join(
            patterns.map((pattern) => sql`j.error ILIKE ${pattern}`),
            ' OR ',
            '(',
            ')',
          ),
          limit: COUNTED_ROWS,
        });
      else missing('error_text');
    } else if (term.kind === 'text' && suitsTrigrams(indexes, term.parts.join(' '))) {
      if (indexes.arguments && indexes.error) {
        const condition = exact ? null : await byTrigrams(tx, gj, term, indexes.arguments);
        if (condition) found.terms.push(condition);
      } else missing(indexes.arguments ? 'error_text' : 'arguments_text');
    }
  }
  return found;
}

/**
 * A text in the arguments or the error by their indexes, in a class by its name, of which there are few, and in the
 * labels that the newest jobs have: no index finds a part of a label. Null: nobody knows all classes.
 */
async function byTrigrams(
  tx: Tx,
  gj: GoodJob,
  { parts }: TextTerm,
  args: TextIndexes['arguments'] & Sql,
): Promise<(IndexTerm & { labelsOfNewest: boolean }) | null> {
  if (
    gj.schema.missingMigrations.some(
      ({ migration }) => migration === 'add_index_good_jobs_job_class',
    )
  )
    return null;
  const has = ({ value }: { value: string }) => includesParts(value, parts);
  const known = await looseScan(tx, gj, 'job_class', sql`true`, '', VALUES);
  if (known.more) return null;
  const classes = sql`j.job_class = ANY(${known.values.filter(has).map(({ value }) => value)}::text[])`;
  const labels = (await sample(tx, gj, sql`j.labels`)).filter(has).map(({ value }) => value);
  return {
    key: JSON.stringify(['text', parts]),
    condition: containsAny([
      classes,
      contains(sql`j.error`, parts),
      ...spellings(parts).map((spelling) => contains(args, spelling)),
      ...(labels.length > 0 ? [sql`j.labels && ${labels}::text[]`] : []),
    ]),
    limit: COUNTED_ROWS,
    labelsOfNewest: true,
  };
}
