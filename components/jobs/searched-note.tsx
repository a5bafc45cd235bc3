'use client';

import Link from 'next/link';
import { useTranslations } from 'next-intl';
import { cursorParams } from '@/lib/core/search-params';
import { useAbsoluteTime } from '../absolute-time';
import { CopyButton } from '../copy-button';
import { useCount } from '../quantities';
import { buttonClass } from '../ui/button';
import type { ListPage } from './use-live-rows';

interface Props {
  search: Pick<ListPage, 'searched' | 'hint' | 'next' | 'previous'>;
  path: string;
  params: Record<string, string>;
}

/** How far a search without an index came, with the way to go on, and the index that would have answered at once. */
export default function SearchedNote({
  search: { searched, hint, next, previous },
  path,
  params,
}: Props) {
  const t = useTranslations('search');
  const absolute = useAbsoluteTime();
  const number = useCount();
  const further = next ?? previous;
  if (!searched) return null;
  return (
    <div role="status" className="mt-2 rounded-md bg-sunken px-3 py-2">
      <p className="flex flex-wrap items-center gap-x-3 gap-y-1">
        {searched.at
          ? t('backTo', { time: absolute(searched.at), count: number(searched.looked) })
          : t('looked', { count: number(searched.looked) })}
        {further && (
          <Link
            href={`${path}?${new URLSearchParams({ ...params, ...cursorParams(further) })}`}
            prefetch={false}
            className={buttonClass()}
          >
            {t('goOn')}
          </Link>
        )}
      </p>
      {hint && (
        <details className="mt-1 text-[13px] text-soft">
          <summary>{t('hint')}</summary>
          <div className="mt-1 flex items-start gap-2">
            <code className="min-w-0 flex-1 font-mono text-[12.5px] text-ink any-break">
              {hint.sql}
            </code>
            <CopyButton text={hint.sql} label="SQL" />
          </div>
        </details>
      )}
    </div>
  );
}
