import sql, { join } from 'sql-template-tag';
import type { Tx } from '../db/types';
import type { GoodJob } from '../good-job/tables';
import { withFailures } from './failure-terms';
import type { JobFilter } from './filters';
import { namedByBatch, namedById } from './term-conditions';
import type { Term, TextTerm } from './terms';
import type { Named } from './types';

export interface Settled {
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
export async function settle(tx: Tx, gj: GoodJob, asked: JobFilter): Promise<Settled> {
  const filter = { ...asked, terms: await withFailures(tx, gj, asked.terms) };
  const texts = filter.terms.filter(isIdText);
  if (texts.length === 0) return { filter, named: [] };
  const exists = texts.map(
    ({ id }) => sql`CASE WHEN EXISTS (SELECT 1 FROM ${gj.jobs} j WHERE ${namedById(id)}) THEN 'id'
    WHEN EXISTS (SELECT 1 FROM ${gj.jobs} j WHERE ${namedByBatch(id)}) THEN 'batch' ELSE 'text' END`,
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
