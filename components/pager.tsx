import { useTranslations } from 'next-intl';
import { type Cursor, cursorParams } from '@/lib/core/search-params';
import { Link } from './link';
import { buttonClass } from './ui/button';

/** Links to the first, previous and next page; they are keyset cursors, so they can be shared. */
export function Pager({
  path,
  params,
  previous,
  next,
  newestFirst = true,
}: {
  path: string;
  params: Record<string, string>;
  previous: Cursor | null;
  next: Cursor | null;
  newestFirst?: boolean;
}) {
  const t = useTranslations('paging');
  if (!previous && !next) return <span />;
  const href = (cursor: Cursor) =>
    `${path}?${new URLSearchParams({ ...params, ...cursorParams(cursor) })}`;
  return (
    <nav aria-label={t('label')} className="flex flex-wrap items-center gap-2">
      {previous && (
        <Link
          href={Object.keys(params).length > 0 ? `${path}?${new URLSearchParams(params)}` : path}
          prefetch={false}
          className={buttonClass()}
        >
          {t('first')}
        </Link>
      )}
      {previous && (
        <Link href={href(previous)} prefetch={false} rel="prev" className={buttonClass()}>
          {t(newestFirst ? 'newer' : 'previous')}
        </Link>
      )}
      {next && (
        <Link href={href(next)} prefetch={false} rel="next" className={buttonClass()}>
          {t(newestFirst ? 'older' : 'next')}
        </Link>
      )}
    </nav>
  );
}
