import { ProcessCache } from '../core/process-cache';
import type { Tx } from '../db/types';
import { failureGroup } from '../good-job/failure-group';
import type { GoodJob } from '../good-job/tables';
import { concealing } from '../redaction';
import { literal, wildcard } from './term-conditions';
import type { FailureTerm, Term } from './terms';

/** A list that refreshes asks for the same group again and again; what acts on jobs asks anew. */
const cache = new ProcessCache<string[]>('failure groups', {
  ttlMs: 15_000,
  maxEntries: 50,
  expiresOnWrite: true,
});

/** The classes that a filter names: the failures of no other are looked at. */
function classesOf(terms: Term[]): string[] | null {
  for (const term of terms)
    if (
      term.kind === 'match' &&
      term.field === 'class' &&
      !term.negated &&
      term.values.every((value) => wildcard(value) === null)
    )
      return term.values.map(literal);
  return null;
}

/** Fills in the jobs of the groups that a filter names. `anew`: as they are now, not as they were seconds ago. */
export async function withFailures(
  tx: Tx,
  gj: GoodJob,
  terms: Term[],
  { anew = false } = {},
): Promise<Term[]> {
  if (!terms.some((term) => term.kind === 'failure')) return terms;
  const classes = classesOf(terms);
  const settled: Term[] = [];
  for (const term of terms)
    settled.push(
      term.kind === 'failure' ? { ...term, ids: await idsOf(tx, gj, term, classes, anew) } : term,
    );
  return settled;
}

async function idsOf(
  tx: Tx,
  gj: GoodJob,
  { fingerprint, since, until }: FailureTerm,
  classes: string[] | null,
  anew: boolean,
): Promise<string[]> {
  const { identity } = gj.schema;
  const key = JSON.stringify([fingerprint, since, until, classes]);
  const cached = cache.peek(identity, key);
  if (!anew && cached) return cached;
  const ids = await failureGroup(tx, gj, fingerprint, { since, until, classes }, concealing);
  cache.set(identity, key, ids);
  return ids;
}
