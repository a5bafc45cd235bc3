'use client';

import { useTranslations } from 'next-intl';
import { Link } from '../link';
import { useCount } from '../quantities';
import type { ListPage } from './use-polling-rows';

interface Props {
  search: Pick<ListPage, 'resolvedIds' | 'hasNewestLabelsOnly' | 'unsearched'>;
  path: string;
  params: Record<string, string>;
}

/** How the words of a search were interpreted, and how many jobs could not be searched. */
export default function SearchNote({
  search: { resolvedIds = [], hasNewestLabelsOnly, unsearched = 0 },
  path,
  params,
}: Props) {
  const t = useTranslations('search');
  const number = useCount();
  return (
    <div className="my-2 flex flex-col gap-1.5 text-sm text-soft">
      {resolvedIds.map(({ source, as, asText }) => (
        <p key={source}>
          {t(`recognizedAs.${as}`, { text: source })}{' '}
          <Link
            href={`${path}?${new URLSearchParams(withText(params, source, asText))}`}
            prefetch={false}
            className="text-accent"
          >
            {t('asText')}
          </Link>
        </p>
      ))}
      {hasNewestLabelsOnly && <p>{t('labelsOfNewest')}</p>}
      {unsearched > 0 && (
        <p role="status">{t('unsearched', { count: unsearched, number: number(unsearched) })}</p>
      )}
    </div>
  );
}

/** The same filter with a text search in place of the word that was interpreted as an id. */
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
