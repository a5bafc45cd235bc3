'use client';

import { useQueryClient } from '@tanstack/react-query';
import { useTranslations } from 'next-intl';
import { useState } from 'react';
import type { BulkStart } from '@/lib/bulk/start';
import type { BulkAction, BulkTarget } from '@/lib/bulk/types';
import { useCount } from '../quantities';
import { BulkDialog } from './bulk-dialog';
import { BulkMenu } from './bulk-menu';
import { BulkProgress } from './bulk-progress';
import { BulkTotals } from './bulk-totals';

interface Props {
  /** Rows that are marked on this page. */
  selectedIds: string[];
  /** The list's filter as URL query; paging in it is ignored. */
  filterQuery: string;
  /** The list is that of one batch. */
  batchId?: string;
}

/** Actions on the selected rows, and on everything that matches the filter; what was started last stays in sight. */
export function BulkBar({ selectedIds, filterQuery, batchId }: Props) {
  const t = useTranslations('bulk');
  const count = useCount();
  const client = useQueryClient();
  const [asking, setAsking] = useState<{ action: BulkAction; target: BulkTarget } | null>(null);
  const [started, setStarted] = useState<BulkStart | null>(null);
  const selected = selectedIds.length;
  return (
    <section aria-label={t('bar')} className="js-only mb-3 flex flex-col gap-2">
      <div className="flex flex-wrap items-center gap-2">
        {selected > 0 && (
          <BulkMenu label={t('selected', { count: selected, number: count(selected) })} onChoose={(action) => setAsking({ action, target: { kind: 'ids', ids: selectedIds } })} />
        )}
        <BulkMenu everything label={t('everything')} onChoose={(action) => setAsking({ action, target: { kind: 'filter', query: filterQuery, batchId: batchId ?? null } })} />
      </div>
      {started?.kind === 'started' && <BulkProgress key={started.runId} id={started.runId} onEnd={() => void client.invalidateQueries()} />}
      {started?.kind === 'done' && (
        <div role="status">
          <BulkTotals counts={started.counts} />
        </div>
      )}
      {asking && (
        <BulkDialog
          {...asking}
          onClose={() => setAsking(null)}
          onStarted={(result) => {
            setStarted(result);
            void client.invalidateQueries();
          }}
        />
      )}
    </section>
  );
}
