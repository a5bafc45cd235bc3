import { zonedIso } from '@/lib/core/locale';
import {
  FINISHED_SINCE_SECONDS,
  quoteText,
  quoteValue,
  type Term,
  type TermParam,
} from '@/lib/search/terms';

/** A condition as the search box shows it. */
export interface ChipTerm {
  /** In the query language, also for a term of one of GoodJob's own parameters. */
  text: string;
  param: TermParam | 'q';
  /** Why it could not be parsed. */
  problem: 'field' | 'value' | 'quote' | 'hidden' | null;
  /** The field of a condition on a time. */
  time: string | null;
}

const FIELD_BY_PARAM: Partial<Record<TermParam, string>> = {
  job_class: 'class',
  queue_name: 'queue',
  label: 'label',
  cron_key: 'cron',
  process_id: 'process',
};
const HOUR_SECONDS = 3_600;

/** Prints a term in the query language. */
function termText({ param, source }: Pick<Term, 'param' | 'source'>): string {
  if (param === 'q') return source;
  if (param === 'query') return quoteText(source);
  if (param === 'finished_since')
    return `finished:>=${(FINISHED_SINCE_SECONDS[source] ?? 0) / HOUR_SECONDS}h`;
  return `${FIELD_BY_PARAM[param]}:${quoteValue(source)}`;
}

/** Returns a condition of a filter as a chip of the search box. */
export function toChip(term: Term): ChipTerm {
  return {
    text: termText(term),
    param: term.param,
    problem: term.kind === 'not_understood' ? term.reason : null,
    time: term.kind === 'time' && !term.negated ? term.field : null,
  };
}

/** Prints a time range in the query language; `from` and `to` are epoch ms, null for no bound. */
export function timeTerm(
  field: string,
  from: number | null,
  to: number | null,
  zone: string,
): string {
  const format = (instant: number) => zonedIso(instant, zone);
  if (from !== null && to !== null) return `${field}:${format(from)}..${format(to)}`;
  return from !== null ? `${field}:>=${format(from)}` : `${field}:<=${format(to ?? 0)}`;
}
