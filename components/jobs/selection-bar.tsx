'use client';

import { useTranslations } from 'next-intl';
import { type ReactNode, Suspense, useMemo, useSyncExternalStore } from 'react';
import type { BulkAction } from '@/lib/bulk/types';
import { useCount } from '../quantities';
import { Button } from '../ui/button';
import { lazyScript } from '../ui/lazy-script';

// Loads after the page, because it needs JavaScript anyway.
const BulkBar = lazyScript(() => import('../bulk/lazy-bulk-bar'));

const subscribeToNothing = () => () => undefined;

interface Props {
  ids: ReadonlySet<string>;
  onAll: (checked: boolean) => void;
  /** Rows of the page that can be selected. */
  selectable: number;
  /** Whether the list has no rows. */
  isEmpty: boolean;
  bulk: { filterQuery: string; batchId?: string } | null;
  onBulkAction: (action: BulkAction) => void;
  tools?: ReactNode;
}

/** The bar above a list: selection, bulk actions and the list's own controls. */
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
  const isBrowser = useSyncExternalStore(
    subscribeToNothing,
    () => true,
    () => false,
  );
  const selectedIds = useMemo(() => [...ids], [ids]);
  return (
    // Sticky, so that the actions stay in reach far down a long list.
    <div
      className={
        'mb-2 flex min-h-8 flex-wrap items-center gap-x-3 gap-y-1 ' +
        (bulk && ids.size > 0 ? 'sticky top-0 z-20 bg-canvas py-1' : '')
      }
    >
      {bulk && isBrowser && (
        <Suspense>
          <BulkBar selectedIds={selectedIds} isEmpty={isEmpty} onStarted={onBulkAction} {...bulk} />
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
