'use client';

import { useTranslations } from 'next-intl';
import { cursorParams } from '@/lib/core/search-params';
import { useAbsoluteTime } from '../absolute-time';
import { CopyButton } from '../copy-button';
import { Link } from '../link';
import { useCount } from '../quantities';
import { buttonClass } from '../ui/button';
import type { ListPage } from './use-polling-rows';

interface Props {
  search: Pick<ListPage, 'partial' | 'hint' | 'next' | 'previous'>;
  path: string;
  params: Record<string, string>;
}

/**
 * How far a scan without an index got, a link to continue it, and an index that would speed it up.
 */
export default function ScanNote({
  search: { partial, hint, next, previous },
  path,
  params,
}: Props) {
  const t = useTranslations('search');
  const absolute = useAbsoluteTime();
  const number = useCount();
  const nextCursor = next ?? previous;
  if (!partial) return null;
  return (
    <div role="status" className="mt-2 rounded-md bg-sunken px-3 py-2">
      <p className="flex flex-wrap items-center gap-x-3 gap-y-1">
        {partial.at
          ? t('backTo', { time: absolute(partial.at), count: number(partial.scanned) })
          : t('scanned', { count: number(partial.scanned) })}
        {nextCursor && (
          <Link
            href={`${path}?${new URLSearchParams({ ...params, ...cursorParams(nextCursor) })}`}
            prefetch={false}
            className={buttonClass()}
          >
            {t('continue')}
          </Link>
        )}
      </p>
      {hint && (
        <details className="mt-1 text-sm text-soft">
          <summary>{t('hint')}</summary>
          <div className="mt-1 flex items-start gap-2">
            <code className="min-w-0 flex-1 font-mono text-xs text-ink any-break">{hint.sql}</code>
            <CopyButton text={hint.sql} label="SQL" />
          </div>
        </details>
      )}
    </div>
  );
}
