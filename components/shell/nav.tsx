'use client';

import { useQuery, useQueryClient } from '@tanstack/react-query';
import { usePathname } from 'next/navigation';
import { useTranslations } from 'next-intl';
import { type ReactNode, useEffect, useId } from 'react';
import type { AttentionCount } from '@/lib/attention/queries';
import type { Badges, NavigationCounts } from '@/lib/navigation/queries';
import { useHref } from '../application';
import { Link } from '../navigation';
import { useCountText } from '../quantities';
import { fetchJson, subscribeToBadges } from '../requests';
import { Tooltip } from '../ui/floating';
import { Icon } from '../ui/icon';

/** The pages of the navigation by group; `pauses` is a tab of `queues`. */
export const NAV_GROUPS = [
  { group: null, pages: ['overview', 'attention'] },
  { group: 'jobs', pages: ['jobs', 'batches', 'cron_entries'] },
  { group: 'infrastructure', pages: ['queues', 'processes'] },
  { group: 'analysis', pages: ['cleaner', 'performance'] },
  { group: 'records', pages: ['bulk', 'audit'] },
] as const;

export type NavPage = (typeof NAV_GROUPS)[number]['pages'][number];

/** The path of a page without the base path. */
export const pagePath = (page: NavPage): string => (page === 'overview' ? '/' : `/${page}`);

/** Returns the page of the navigation that a path belongs to. */
function pageOfPath(path: string): NavPage | undefined {
  if (path === '/') return 'overview';
  const first = path.split('/')[1];
  if (first === 'pauses') return 'queues';
  return NAV_GROUPS.flatMap<NavPage>(({ pages }) => pages).find((page) => page === first);
}

/** The navigation beside the page: a rail of icons on narrow screens, hidden on phones. */
export function Sidebar({
  badges: initialBadges,
  head,
  search,
  foot,
}: {
  /** Null: the database is unavailable. */
  badges: Badges | null;
  head: ReactNode;
  search: ReactNode;
  foot: ReactNode;
}) {
  const t = useTranslations('nav');
  const badges = useNavBadges(initialBadges);
  const currentPage = pageOfPath(usePathname());
  return (
    <header className="sidebar">
      {head}
      {search}
      <nav aria-label={t('label')} className="mt-2">
        {NAV_GROUPS.map(({ group, pages }) => (
          <div key={group} className="mb-3">
            {group && (
              <>
                <p className="rail-hidden px-2 pb-0.5 text-xs text-faint">{t(`groups.${group}`)}</p>
                <hr className="rail-only mb-2 border-line" />
              </>
            )}
            <ul>
              {pages.map((page) => (
                <li key={page}>
                  <NavLink page={page} isCurrent={page === currentPage} badge={badges[page]} />
                </li>
              ))}
            </ul>
          </div>
        ))}
      </nav>
      <div className="mt-auto border-t border-line pt-2">{foot}</div>
    </header>
  );
}

const FIRST_PAGES: readonly NavPage[] = ['overview', 'attention', 'jobs', 'batches'];

const MORE_PAGES = NAV_GROUPS.flatMap<NavPage>(({ pages }) => pages).filter(
  (page) => !FIRST_PAGES.includes(page),
);

/** The navigation of phones, at the bottom of the screen. */
export function BottomBar({
  badges: initialBadges,
  search,
  foot,
}: {
  badges: Badges | null;
  search: ReactNode;
  foot: ReactNode;
}) {
  const t = useTranslations('nav');
  const badges = useNavBadges(initialBadges);
  const id = useId();
  const pathname = usePathname();
  const currentPage = pageOfPath(pathname);
  const link = (page: NavPage) => (
    <NavLink
      page={page}
      text={page === 'attention' ? t('attentionShort') : undefined}
      isCurrent={page === currentPage}
      badge={badges[page]}
    />
  );
  return (
    <nav aria-label={t('label')} className="bottom-bar">
      <ul className="contents">
        {FIRST_PAGES.map((page) => (
          <li key={page}>{link(page)}</li>
        ))}
      </ul>
      <button
        type="button"
        popoverTarget={id}
        aria-current={currentPage && MORE_PAGES.includes(currentPage) ? 'true' : undefined}
        className={`nav-link relative ${MORE_PAGES.some((page) => badges[page]) ? 'has-badge' : ''}`}
      >
        <Icon name="more" />
        <span className="nav-text">{t('more')}</span>
      </button>
      {/* The key closes the sheet after a navigation. */}
      <div key={pathname} id={id} popover="auto" className="bottom-sheet">
        {search}
        <ul className="my-2 grid grid-cols-2 gap-1">
          {MORE_PAGES.map((page) => (
            <li key={page}>{link(page)}</li>
          ))}
        </ul>
        <div className="border-t border-line pt-2">{foot}</div>
      </div>
    </nav>
  );
}

/** The link to a page; on a narrow sidebar only its icon is visible. */
function NavLink({
  page,
  text,
  isCurrent,
  badge,
}: {
  page: NavPage;
  /** Default: the name of the page. */
  text?: string;
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
        <span className="nav-text">{text ?? t(page)}</span>
        {badge}
      </Link>
    </Tooltip>
  );
}

const SEVERITY_CLASSES: Record<AttentionCount['severity'], string> = {
  critical: 'bg-alarm text-on-alarm',
  warning: 'bg-warn-wash text-warn',
  notice: 'bg-queued-wash text-queued',
};

/** The badges of the navigation by page: what a viewer can act on. */
function useNavBadges(initialBadges: Badges | null): Partial<Record<NavPage, ReactNode>> {
  const badges = useBadges(initialBadges);
  const { attention, counts } = badges;
  return {
    attention: attention && <AttentionBadge attention={attention} />,
    ...(counts ? countBadges(counts) : {}),
  };
}

function AttentionBadge({ attention }: { attention: AttentionCount }) {
  const t = useTranslations('navCounts');
  const { findings, severity } = attention;
  return (
    <span
      data-attention-count=""
      className={`nav-badge rounded-full px-1.5 font-semibold ${SEVERITY_CLASSES[severity]}`}
    >
      {findings}
      <span className="sr-only"> {t('findings', { count: findings })}</span>
    </span>
  );
}

function countBadges(counts: NavigationCounts): Partial<Record<NavPage, ReactNode>> {
  const { openBatches, pauses, processes, runs } = counts;
  const hasOpenBatches = openBatches.kind !== 'unknown' && openBatches.count > 0;
  return {
    batches: hasOpenBatches && <OpenBatches count={openBatches} />,
    queues: pauses > 0 && <NumberBadge name="pauses" count={pauses} icon="paused" />,
    processes: processes === 0 && <NumberBadge name="processes" count={0} isDanger />,
    bulk: runs > 0 && <NumberBadge name="runs" count={runs} icon="running" />,
  };
}

function OpenBatches({ count }: { count: NavigationCounts['openBatches'] }) {
  const t = useTranslations('navCounts');
  const { text } = useCountText()(count);
  return (
    <span className="nav-badge" title={t('openBatches', { number: text })}>
      {text}
    </span>
  );
}

function NumberBadge({
  name,
  count,
  icon,
  isDanger = false,
}: {
  name: 'pauses' | 'processes' | 'runs';
  count: number;
  icon?: 'paused' | 'running';
  isDanger?: boolean;
}) {
  const t = useTranslations('navCounts');
  return (
    <span
      title={t(name, { count })}
      className={`nav-badge ${isDanger ? 'rounded-full bg-alarm px-1.5 font-semibold text-on-alarm' : ''}`}
    >
      {icon && <Icon name={icon} className="size-3" />}
      {count}
    </span>
  );
}

const QUERY_KEY = ['navigation'];

const NO_BADGES: Badges = { counts: null, attention: null };

/** The navigation counts of the first paint, updated by every poll and after each action. */
function useBadges(initialBadges: Badges | null): Badges {
  const client = useQueryClient();
  const href = useHref();
  const { data } = useQuery({
    queryKey: QUERY_KEY,
    queryFn: async ({ signal }) =>
      merge(
        client.getQueryData<Badges>(QUERY_KEY),
        await fetchJson<Badges>(href('/api/navigation'), signal),
      ),
    initialData: initialBadges ?? NO_BADGES,
    staleTime: Infinity,
    enabled: initialBadges !== null,
  });
  useEffect(() => {
    const update = (badges: Badges) =>
      client.setQueryData<Badges>(QUERY_KEY, (previous) => merge(previous, badges));
    if (initialBadges) update(initialBadges);
    return subscribeToBadges(update);
  }, [client, initialBadges]);
  return data;
}

/** Keeps the previous value of a count that is not known yet. */
function merge(previous: Badges | undefined, badges: Badges): Badges {
  return {
    counts: badges.counts ?? previous?.counts ?? null,
    attention: badges.attention === undefined ? previous?.attention : badges.attention,
  };
}
