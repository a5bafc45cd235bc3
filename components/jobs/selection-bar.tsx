'use client';

import { useTranslations } from 'next-intl';
import { type ReactNode, Suspense, useMemo, useSyncExternalStore } from 'react';
import type { BulkAction } from '@/lib/bulk/types';
import { useCount } from '../quantities';
import { Button } from '../ui/button';
import { lazyScript } from '../ui/lazy-script';

// It does nothing without JavaScript, so it comes after the page.
const BulkBar = lazyScript(() => import('../bulk/lazy-bulk-bar'));

const never = () => () => undefined;

interface Props {
  ids: ReadonlySet<string>;
  onAll: (checked: boolean) => void;
  /** Rows of the page that can be selected. */
  selectable: number;
  /** There is nothing to act on. */
  isEmpty: boolean;
  bulk: { filterQuery: string; batchId?: string } | null;
  onBulkAction: (action: BulkAction) => void;
  tools?: ReactNode;
}

/** Above a list: how many of its rows are chosen and what may be done with them, and the list's own tools. */
export function SelectionBar({
  ids,
  onAll,
  selectable,
  isEmpty,
  bulk,
  onBulkAction,
  tools,
}: Props) {
  const t = useTranslations('jobs');
  const count = useCount();
  const inBrowser = useSyncExternalStore(
    never,
    () => true,
    () => false,
  );
  const selected = useMemo(() => [...ids], [ids]);
  return (
    // What is chosen far down a long list can be acted on there.
    <div
      className={`mb-2 flex min-h-8 flex-wrap items-center gap-x-3 gap-y-1 ${bulk && ids.size > 0 ? 'sticky top-0 z-20 bg-canvas py-1' : ''}`}
    >
      {bulk && inBrowser && (
        <Suspense>
          <BulkBar selectedIds={selected} isEmpty={isEmpty} onStarted={onBulkAction} {...bulk} />
        </Suspense>
      )}
      <span aria-live="polite" className="sr-only">
        {ids.size > 0 && t('selected', { count: ids.size, number: count(ids.size) })}
      </span>
      {bulk && ids.size > 0 && (
        <>
          {ids.size < selectable && (
            <Button kind="quiet" onClick={() => onAll(true)}>
              {t('selectAll')}
            </Button>
          )}
          <Button kind="quiet" onClick={() => onAll(false)}>
            {t('selectNone')}
          </Button>
        </>
      )}
      <div
        className={`ml-auto flex flex-wrap items-center gap-2 ${ids.size > 0 ? 'max-sm:hidden' : ''}`}
      >
        {tools}
      </div>
    </div>
  );
}
