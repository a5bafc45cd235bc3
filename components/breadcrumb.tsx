import { useTranslations } from 'next-intl';
import { Link } from './link';

export function Breadcrumb({
  items,
  current,
}: {
  items: { href: string; text: string }[];
  current: string;
}) {
  const t = useTranslations('common');
  return (
    <nav aria-label={t('breadcrumb')}>
      <ol className="flex flex-wrap items-center gap-x-2 text-sm">
        {items.map(({ href, text }) => (
          <li key={href} className="flex items-center gap-2">
            <Link href={href} prefetch={false} className="text-accent">
              {text}
            </Link>
            <span aria-hidden="true" className="text-soft">
              /
            </span>
          </li>
        ))}
        <li aria-current="page" className="font-mono break-all text-soft">
          {current}
        </li>
      </ol>
    </nav>
  );
}
