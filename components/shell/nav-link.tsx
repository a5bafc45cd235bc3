import { useTranslations } from 'next-intl';
import type { ReactNode } from 'react';
import { Link } from '../link';
import { Icon } from '../ui/icon';
import { Tooltip } from '../ui/tooltip';
import { type NavPage, pagePath } from './pages';

/** The link to a page; on a narrow sidebar only its icon is visible. */
export function NavLink({
  page,
  isCurrent,
  badge,
}: {
  page: NavPage;
  isCurrent: boolean;
  badge: ReactNode;
}) {
  const t = useTranslations('nav');
  return (
    // The text is in the link already, where a screen reader reads it.
    <Tooltip content={t(page)} placement="right" isDescription={false} className="rail-tooltip">
      <Link
        href={pagePath(page)}
        prefetch={false}
        aria-current={isCurrent ? 'page' : undefined}
        className="nav-link relative"
      >
        <Icon name={page} />
        <span className="nav-text">{t(page)}</span>
        {badge}
      </Link>
    </Tooltip>
  );
}
