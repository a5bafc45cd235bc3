'use client';

import { useTranslations } from 'next-intl';
import { cursorParams } from '@/lib/core/urls';
import { CopyButton } from '../copy-button';
import { Link } from '../navigation';
import { useCount } from '../quantities';
import { useAbsoluteTime } from '../time';
import { buttonClass } from '../ui/button';
import type { ListPage } from './use-polling-rows';

interface SearchNoteProps {
  search: Pick<ListPage, 'resolvedIds' | 'hasNewestLabelsOnly' | 'unsearched'>;
  path: string;
  params: Record<string, string>;
}

/** How the words of a search were interpreted, and how many jobs could not be searched. */
export function SearchNote({
  search: { resolvedIds = [], hasNewestLabelsOnly, unsearched = 0 },
  path,
  params,
}: SearchNoteProps) {
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

interface ScanNoteProps {
  search: Pick<ListPage, 'partial' | 'hint' | 'next' | 'previous'>;
  path: string;
  params: Record<string, string>;
}

/**
 * How far a scan without an index got, a link to continue it, and an index that would speed it up.
 */
export function ScanNote({
  search: { partial, hint, next, previous },
  path,
  params,
}: ScanNoteProps) {
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
