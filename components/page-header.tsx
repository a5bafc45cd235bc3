import { useTranslations } from 'next-intl';
import type { ReactNode } from 'react';
import { Link } from './navigation';
import { LiveControl } from './polling/polling-status';

/** The header of a page: its title, a count beside it, and at the right its tools. */
export function PageHeader({
  title,
  count,
  isLive = true,
  children,
}: {
  title: ReactNode;
  count?: ReactNode;
  /** Whether the page is polled, so that the header says since when it is current. */
  isLive?: boolean;
  /** Filters and tools, before the live state. */
  children?: ReactNode;
}) {
  return (
    <header className="mb-2 flex min-h-12 flex-wrap items-center gap-x-3 gap-y-1">
      <h1 className="max-w-full min-w-0 text-xl font-semibold any-break">{title}</h1>
      {count !== undefined && <div className="text-soft">{count}</div>}
      <div className="ml-auto flex max-w-full min-w-0 flex-wrap items-center gap-2">
        {children}
        {isLive && <LiveControl />}
      </div>
    </header>
  );
}

export function Breadcrumb({
  items,
  current,
}: {
  items: { href: string; text: string }[];
  current: string;
}) {
  const t = useTranslations('common');
  return (
    <nav aria-label={t('breadcrumb')} className="pt-3">
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

/** Links that choose a value of a filter; the current one is marked. */
export function Tabs({
  label,
  tabs,
}: {
  label: string;
  tabs: { href: string; text: string; current: boolean }[];
}) {
  return (
    <nav aria-label={label} className="mb-3 border-b border-line">
      <ul className="-mb-px flex flex-wrap gap-x-1">
        {tabs.map(({ href, text, current }) => (
          <li key={href}>
            <Link
              href={href}
              prefetch={false}
              aria-current={current ? 'page' : undefined}
              className="tab block"
            >
              {text}
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}

/** A choice among a few values, as links; the current one is marked. */
export function RangeLinks({
  label,
  choices,
}: {
  label: string;
  choices: { href: string; text: string; current: boolean }[];
}) {
  return (
    <nav aria-label={label} className="max-w-full overflow-x-auto rounded-md border border-line">
      <ul className="flex w-max">
        {choices.map(({ href, text, current }) => (
          <li key={href} className="border-line not-first:border-l">
            <Link
              href={href}
              prefetch={false}
              aria-current={current ? 'true' : undefined}
              className={
                'block px-2.5 py-1 text-sm whitespace-nowrap no-underline -outline-offset-2 ' +
                (current ? 'bg-accent-wash font-semibold text-accent' : 'text-ink hover:bg-sunken')
              }
            >
              {text}
            </Link>
          </li>
        ))}
      </ul>
    </nav>
  );
}
