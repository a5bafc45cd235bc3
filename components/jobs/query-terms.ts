import { FINISHED_SINCE, type Term, type TermParam } from '@/lib/search/terms';
import { quote, quoteValue } from '@/lib/search/tokens';

/** A condition as the search box shows it. */
export interface ChipTerm {
  /** In the query language, also where it came in one of GoodJob's own parameters. */
  text: string;
  param: TermParam | 'q';
  /** Why it is not understood. */
  problem: 'field' | 'value' | 'quote' | 'hidden' | null;
  /** It bounds a time: its field. */
  time: string | null;
}

const FIELD_OF: Partial<Record<TermParam, string>> = {
  job_class: 'class',
  queue_name: 'queue',
  label: 'label',
  cron_key: 'cron',
  process_id: 'process',
};
const HOUR = 3_600;

/** A term in the query language. */
function termText({ param, source }: Pick<Term, 'param' | 'source'>): string {
  if (param === 'q') return source;
  if (param === 'query') return quote(source);
  if (param === 'finished_since') return `finished:>=${(FINISHED_SINCE[source] ?? 0) / HOUR}h`;
  return `${FIELD_OF[param]}:${quoteValue(source)}`;
}

export function chipOf(term: Term): ChipTerm {
  return {
    text: termText(term),
    param: term.param,
    problem: term.kind === 'not_understood' ? term.reason : null,
    time: term.kind === 'time' && !term.negated ? term.field : null,
  };
}
