import { useTranslations } from 'next-intl';
import { PAGE_SIZE } from '@/lib/core/search-params';
import { Link } from '../link';

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
