import { useTranslations } from 'next-intl';
import { type JobFilter, jobFilterParams, withoutTerm } from '@/lib/jobs/filters';
import type { Term } from '@/lib/search/terms';
import { Link } from '../link';

/** The filter's conditions other than the state, each with a link that removes it. */
export function FilterChips({ filter, path }: { filter: JobFilter; path: string }) {
  const t = useTranslations('filter');
  const terms = filter.terms.filter((term) => term.kind !== 'not_understood');
  if (terms.length === 0) return null;
  const hrefWithout = (term: Term) =>
    `${path}?${new URLSearchParams(jobFilterParams(withoutTerm(filter, term)))}`;
  const termName = (term: Term) => (term.param === 'q' ? term.source : t(`names.${term.param}`));
  return (
    <ul aria-label={t('label')} className="mb-3 flex flex-wrap gap-1.5">
      {terms.map((term) => (
        <li
          key={`${term.param} ${term.source}`}
          className="flex max-w-full items-center gap-1.5 rounded border border-line-strong bg-sunken px-2 py-0.5"
        >
          <span className="text-sm any-break">
            {term.param !== 'q' && <span className="text-soft">{termName(term)} </span>}
            <span className="font-mono">{term.source}</span>
          </span>
          <Link
            href={hrefWithout(term)}
            prefetch={false}
            aria-label={t('remove', { name: termName(term) })}
            className="px-1 no-underline"
          >
            ×
          </Link>
        </li>
      ))}
    </ul>
  );
}
