'use client';

import { useTranslations } from 'next-intl';
import { Suspense, useCallback, useEffect, useRef, useState } from 'react';
import type { BulkStart } from '@/lib/bulk/start';
import { type BulkAction, type BulkTarget, permissionOf } from '@/lib/bulk/types';
import { Dismissible } from '../dismissible';
import { DESTRUCTIVE } from '../jobs/action-rules';
import { useLive } from '../live';
import { useOutcome } from '../outcomes';
import { useBulkRuns, useDenials } from '../permissions';
import { useCount } from '../quantities';
import { Button } from '../ui/button';
import { lazyScript } from '../ui/lazy-script';
import { Tooltip } from '../ui/tooltip';

// Their code comes when a reader first reaches for an action.
const BulkDialog = lazyScript(() =>
  import('./bulk-dialog').then((module) => ({ default: module.BulkDialog })),
);
const BulkStarted = lazyScript(() =>
  import('./bulk-started').then((module) => ({ default: module.BulkStarted })),
);

/** In the order of a job's own menu: what helps first, what destroys last. */
const ACTIONS = ['retry', 'reschedule', 'discard', 'destroy'] as const;

export interface BulkBarProps {
  /** Rows that are marked on this page. */
  selectedIds: string[];
  /** The list has no job to act on. */
  isEmpty?: boolean;
  onStarted?: (action: BulkAction) => void;
  /** The list's filter as URL query; paging in it is ignored. */
  filterQuery: string;
  /** The list is that of one batch. */
  batchId?: string;
}

/** Actions on the selected rows, or on everything that matches the filter; what was started last stays in sight. */
export function BulkBar({
  selectedIds,
  isEmpty = false,
  onStarted,
  filterQuery,
  batchId,
}: BulkBarProps) {
  const t = useTranslations();
  const count = useCount();
  const { refresh } = useLive();
  const denials = useDenials();
  const runs = useBulkRuns();
  const [wide, setWide] = useState(false);
  const [asking, setAsking] = useState<{ action: BulkAction; target: BulkTarget } | null>(null);
  const [started, setStarted] = useState<BulkStart | null>(null);
  const [over, setOver] = useState(false);
  const drop = useCallback(() => setStarted((one) => (over ? null : one)), [over]);
  const announce = useOutcome(drop);
  // Chosen for those rows: the next ones that are selected are meant alone again.
  if (wide && selectedIds.length === 0) setWide(false);
  const everything = wide || selectedIds.length === 0;
  const target: BulkTarget = everything
    ? { kind: 'filter', query: filterQuery, batchId: batchId ?? null }
    : { kind: 'ids', ids: selectedIds };
  const bar = useRef<HTMLElement>(null);
  // A list that an action has emptied takes the pressed button along: the focus goes to what the action came to.
  useEffect(() => {
    if (isEmpty && started && document.activeElement === document.body) bar.current?.focus();
  }, [isEmpty, started]);
  if (isEmpty && !started && !asking) return null;
  const why = (action: BulkAction) => {
    const denied = denials[permissionOf(action)];
    return denied ? t(`actions.why.${denied}`) : everything && !runs ? t('bulk.needsSchema') : null;
  };
  return (
    <section
      ref={bar}
      tabIndex={-1}
      aria-label={t('bulk.bar')}
      className="js-only flex flex-col gap-2"
    >
      {!isEmpty && (
        <div className="flex flex-wrap items-center gap-2">
          {selectedIds.length === 0 ? (
            <span className="text-soft">{t('bulk.everything')}</span>
          ) : (
            <select
              aria-label={t('bulk.scope')}
              value={wide ? 'everything' : 'selected'}
              onChange={(event) => setWide(event.target.value === 'everything')}
              className="control"
            >
              <option value="selected">
                {t('bulk.selected', {
                  count: selectedIds.length,
                  number: count(selectedIds.length),
                })}
              </option>
              <option value="everything">{t('bulk.everything')}</option>
            </select>
          )}
          {ACTIONS.map((action) => {
            const reason = why(action);
            return reason ? (
              <Tooltip key={action} content={reason}>
                <Button aria-disabled="true">{t(`actions.${action}.menu`)}</Button>
              </Tooltip>
            ) : (
              <Button
                key={action}
                kind={DESTRUCTIVE.has(action) ? 'danger' : 'plain'}
                onClick={() => setAsking({ action, target })}
              >
                {t(`actions.${action}.menu`)}
              </Button>
            );
          })}
        </div>
      )}
      <Suspense>
        {started && (
          <Dismissible onDismiss={over ? drop : null}>
            <BulkStarted
              started={started}
              onEnd={() => {
                setOver(true);
                refresh();
              }}
            />
          </Dismissible>
        )}
        {asking && (
          <BulkDialog
            {...asking}
            onClose={() => setAsking(null)}
            onStarted={(result) => {
              announce();
              setStarted(result);
              setOver(result.kind === 'done');
              onStarted?.(asking.action);
              refresh();
            }}
          />
        )}
      </Suspense>
    </section>
  );
}
