'use client';

import Link from 'next/link';
import { useTranslations } from 'next-intl';
import type { JobPage } from '@/lib/jobs/types';
import { cursorParams } from '@/lib/paging';
import { useCount } from '../quantities';
import { useAbsoluteTime } from '../time';
import { buttonClass } from '../ui/button';

type Search = Pick<JobPage, 'searched' | 'named' | 'hint' | 'labelsOfNewest' | 'next' | 'previous'>;

/** How far a search without an index came, with the way to go on, and what the words were taken for. */
export function SearchNote({ search, path, params }: { search: Search; path: string; params: Record<string, string> }) {
  const t = useTranslations('search');
  const absolute = useAbsoluteTime();
  const number = useCount();
  const { searched, named, hint, labelsOfNewest } = search;
  if (!searched && named.length === 0 && !labelsOfNewest) return null;
  const further = searched && (search.next ?? search.previous);
  return (
    <div role="status" className="my-2 flex flex-col gap-1.5 text-[13px] text-soft">
      {named.map(({ source, as, asText }) => (
        <p key={source}>
          {t(`named.${as}`, { text: source })}{' '}
          <Link href={`${path}?${new URLSearchParams(withText(params, source, asText))}`} prefetch={false}>
            {t('asText')}
          </Link>
        </p>
      ))}
      {labelsOfNewest && <p>{t('labelsOfNewest')}</p>}
      {searched && (
        <p className="flex flex-wrap items-center gap-2">
          {searched.at ? t('backTo', { time: absolute(searched.at), count: number(searched.looked) }) : t('looked', { count: number(searched.looked) })}
          {further && (
            <Link href={`${path}?${new URLSearchParams({ ...params, ...cursorParams(further) })}`} prefetch={false} className={buttonClass()}>
              {t('goOn')}
            </Link>
          )}
        </p>
      )}
      {hint && (
        <details>
          <summary>{t('hint')}</summary>
          <pre className="overflow-x-auto font-mono">{hint.sql}</pre>
        </details>
      )}
    </div>
  );
}

/** The same filter with a text in the place of what was taken for an id. */
function withText({ query, q, ...params }: Record<string, string>, source: string, asText: string): Record<string, string> {
  const words = (q ?? '').split(' ').filter((word) => word !== source);
  return { ...params, ...(query && query.trim() !== source.trim() ? { query } : {}), q: [...words, asText].join(' ') };
}
