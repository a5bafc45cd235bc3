import sql, { join } from 'sql-template-tag';
import { ProcessCache } from '../core/process-cache';
import type { Tx } from '../db/database';
import { failureGroup } from '../failures/groups';
import type { GoodJobTables } from '../good-job/tables';
import { concealing } from '../redaction/redaction';
import { literal, namedByBatch, namedById, wildcard } from '../search/conditions';
import type { FailureTerm, Term, TextTerm } from '../search/terms';
import type { JobFilter } from './filters';
import type { Named } from './types';

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
  tables: GoodJobTables,
  terms: Term[],
  { anew = false } = {},
): Promise<Term[]> {
  if (!terms.some((term) => term.kind === 'failure')) return terms;
  const classes = classesOf(terms);
  const settled: Term[] = [];
  for (const term of terms)
    settled.push(
      term.kind === 'failure'
        ? { ...term, ids: await idsOf(tx, tables, term, classes, anew) }
        : term,
    );
  return settled;
}

async function idsOf(
  tx: Tx,
  tables: GoodJobTables,
  { fingerprint, since, until }: FailureTerm,
  classes: string[] | null,
  anew: boolean,
): Promise<string[]> {
  const { identity } = tables.schema;
  const key = JSON.stringify([fingerprint, since, until, classes]);
  const cached = cache.peek(identity, key);
  if (!anew && cached) return cached;
  const ids = await failureGroup(tx, tables, fingerprint, { since, until, classes }, concealing);
  cache.set(identity, key, ids);
  return ids;
}

export interface ResolvedFilter {
  filter: JobFilter;
  named: Named[];
}

type IdText = TextTerm & { id: string };
const isIdText = (term: Term): term is IdText => term.kind === 'text' && term.id !== null;

/**
 * Decides on the texts that may be ids, as TextTerm says. The filter that comes of it means the same from now on,
 * whatever becomes of those jobs: what acts on many jobs must take this one, also when it prints and reads it again.
 * The jobs of a group of failures are looked up with it.
 */
export async function resolveFilter(
  tx: Tx,
  tables: GoodJobTables,
  asked: JobFilter,
): Promise<ResolvedFilter> {
  const filter = { ...asked, terms: await withFailures(tx, tables, asked.terms) };
  const texts = filter.terms.filter(isIdText);
  if (texts.length === 0) return { filter, named: [] };
  const exists = texts.map(
    ({
      id,
    }) => sql`CASE WHEN EXISTS (SELECT 1 FROM ${tables.jobs} j WHERE ${namedById(id)}) THEN 'id'
    WHEN EXISTS (SELECT 1 FROM ${tables.jobs} j WHERE ${namedByBatch(id)}) THEN 'batch' ELSE 'text' END`,
  );
  const [row] = await tx.query<{ found: string[] }>(sql`SELECT ARRAY[${join(exists)}] AS found`);
  const named: Named[] = [];
  const settled = (term: Term): Term => {
    if (!isIdText(term)) return term;
    const as = row?.found[texts.indexOf(term)];
    const { text, id, negated } = term;
    const minus = negated ? '-' : '';
    const asText = `${minus}"${text.replaceAll(/["\\]/g, '\\$&')}"`;
    if (as !== 'id' && as !== 'batch')
      return { kind: 'text', text, parts: [text], id: null, negated, source: asText, param: 'q' };
    named.push({ source: term.source, as, asText });
    return {
      kind: 'ids',
      field: as,
      values: [id],
      negated,
      source: `${minus}${as}:${id}`,
      param: 'q',
    };
  };
  return { filter: { ...filter, terms: filter.terms.map(settled) }, named };
}
