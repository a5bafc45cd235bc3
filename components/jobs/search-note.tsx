'use client';

import Link from 'next/link';
import { useTranslations } from 'next-intl';
import { useCount } from '../quantities';
import type { ListPage } from './use-live-rows';

interface Props {
  search: Pick<ListPage, 'named' | 'labelsOfNewest' | 'unsearched'>;
  path: string;
  params: Record<string, string>;
}

/** What the words of a search were taken for, and what was not searched. */
export default function SearchNote({
  search: { named = [], labelsOfNewest, unsearched = 0 },
  path,
  params,
}: Props) {
  const t = useTranslations('search');
  const number = useCount();
  return (
    <div className="my-2 flex flex-col gap-1.5 text-[13px] text-soft">
      {named.map(({ source, as, asText }) => (
        <p key={source}>
          {t(`named.${as}`, { text: source })}{' '}
          <Link
            href={`${path}?${new URLSearchParams(withText(params, source, asText))}`}
            prefetch={false}
            className="text-accent"
          >
            {t('asText')}
          </Link>
        </p>
      ))}
      {labelsOfNewest && <p>{t('labelsOfNewest')}</p>}
      {unsearched > 0 && (
        <p role="status">{t('unsearched', { count: unsearched, number: number(unsearched) })}</p>
      )}
    </div>
  );
}

/** The same filter with a text in the place of what was taken for an id. */
function withText(
  { query, q, ...params }: Record<string, string>,
  source: string,
  asText: string,
): Record<string, string> {
  const words = (q ?? '').split(' ').filter((word) => word !== source);
  return {
    ...params,
    ...(query && query.trim() !== source.trim() ? { query } : {}),
    q: [...words, asText].join(' ').trim(),
  };
}
