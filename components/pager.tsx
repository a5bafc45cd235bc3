import { useTranslations } from 'next-intl';
import { type Cursor, cursorParams, PAGE_SIZE } from '@/lib/core/urls';
import { Link } from './navigation';
import { buttonClass } from './ui/button';

/** Links to the first, previous and next page; they are keyset cursors, so they can be shared. */
export function Pager({
  path,
  params,
  fragment = '',
  previous,
  next,
  newestFirst = true,
}: {
  path: string;
  params: Record<string, string>;
  /** Of a list below other sections, e.g. `#batched-jobs`. */
  fragment?: string;
  previous: Cursor | null;
  next: Cursor | null;
  newestFirst?: boolean;
}) {
  const t = useTranslations('paging');
  if (!previous && !next) return <span />;
  const href = (cursor: Cursor) =>
    `${path}?${new URLSearchParams({ ...params, ...cursorParams(cursor) })}${fragment}`;
  const first = Object.keys(params).length > 0 ? `${path}?${new URLSearchParams(params)}` : path;
  return (
    <nav aria-label={t('label')} className="flex flex-wrap items-center gap-2">
      {previous && (
        <Link href={`${first}${fragment}`} prefetch={false} className={buttonClass()}>
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

const SIZES = [25, 50, 100];

/** Links that change the rows per page; they lead to the first page. */
export function PageSizeLinks({
  path,
  params: { limit, ...params },
}: {
  path: string;
  params: Record<string, string>;
}) {
  const t = useTranslations('paging');
  const current = Number(limit ?? PAGE_SIZE);
  return (
    <nav aria-label={t('sizes')} className="flex items-center gap-1 text-sm">
      <span aria-hidden="true" className="text-soft">
        {t('sizes')}
      </span>
      <ul className="flex gap-1">
        {SIZES.map((size) => (
          <li key={size}>
            <Link
              href={`${path}?${new URLSearchParams(size === PAGE_SIZE ? params : { ...params, limit: String(size) })}`}
              prefetch={false}
              aria-current={size === current ? 'true' : undefined}
              className={
                'flex min-h-[26px] min-w-[26px] items-center justify-center rounded px-1 no-underline ' +
                (size === current
                  ? 'bg-accent-wash font-semibold text-accent'
                  : 'text-ink hover:bg-sunken')
              }
            >
              {size}
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}
