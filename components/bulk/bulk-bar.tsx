'use client';

import { useTranslations } from 'next-intl';
import { Suspense, useCallback, useEffect, useRef, useState } from 'react';
import { type BulkAction, type BulkStart, type BulkTarget, permissionOf } from '@/lib/bulk/types';
import { Dismissible } from '../dismissible';
import { DESTRUCTIVE } from '../jobs/action-rules';
import { useAnnounceOutcome } from '../outcomes';
import { useCanStoreBulkRuns, useDenials } from '../permissions';
import { usePolling } from '../polling/polling-provider';
import { useCount } from '../quantities';
import { Button } from '../ui/button';
import { lazyScript } from '../ui/lazy-script';
import { Tooltip } from '../ui/tooltip';

// Loaded when the viewer first starts an action.
const BulkDialog = lazyScript(() =>
  import('./bulk-dialog').then((module) => ({ default: module.BulkDialog })),
);
const BulkStartResult = lazyScript(() =>
  import('./bulk-start-result').then((module) => ({ default: module.BulkStartResult })),
);

/** In the order of the job menu: the destructive actions last. */
const ACTIONS = ['retry', 'reschedule', 'discard', 'destroy'] as const;

export interface BulkBarProps {
  /** Rows selected on this page. */
  selectedIds: string[];
  /** Whether the list has no rows. */
  isEmpty?: boolean;
  onStarted?: (action: BulkAction) => void;
  /** The list's filter as a URL query; its paging parameters are ignored. */
  filterQuery: string;
  /** Set for the list of one batch. */
  batchId?: string;
}

/** The jobs that an action applies to, and the choice between the selection and all of them. */
function useTarget({
  selectedIds,
  filterQuery,
  batchId,
}: Pick<BulkBarProps, 'selectedIds' | 'filterQuery' | 'batchId'>) {
  const [isScopeEverything, setScopeEverything] = useState(false);
  // The scope applies to one selection; the next selection starts with only its own rows.
  if (isScopeEverything && selectedIds.length === 0) setScopeEverything(false);
  const target: BulkTarget =
    isScopeEverything || selectedIds.length === 0
      ? { kind: 'filter', query: filterQuery, batchId: batchId ?? null }
      : { kind: 'ids', ids: selectedIds };
  return { isScopeEverything, setScopeEverything, target };
}

/**
 * Actions on the selected rows or on all that match the filter, and the progress of the last one.
 */
export function BulkBar({
  selectedIds,
  isEmpty = false,
  onStarted,
  filterQuery,
  batchId,
}: BulkBarProps) {
  const t = useTranslations('bulk');
  const { refresh } = usePolling();
  const [request, setRequest] = useState<{ action: BulkAction; target: BulkTarget } | null>(null);
  const [started, setStarted] = useState<BulkStart | null>(null);
  const [isOver, setOver] = useState(false);
  const drop = useCallback(() => setStarted((previous) => (isOver ? null : previous)), [isOver]);
  const announce = useAnnounceOutcome(drop);
  const { isScopeEverything, setScopeEverything, target } = useTarget({
    selectedIds,
    filterQuery,
    batchId,
  });
  const bar = useRef<HTMLElement>(null);
  // An action that empties the list removes the focused button, so focus moves to the bar.
  useEffect(() => {
    if (isEmpty && started && document.activeElement === document.body) bar.current?.focus();
  }, [isEmpty, started]);
  if (isEmpty && !started && !request) return null;
  return (
    <section ref={bar} tabIndex={-1} aria-label={t('bar')} className="js-only flex flex-col gap-2">
      {!isEmpty && (
        <div className="flex flex-wrap items-center gap-2">
          {selectedIds.length === 0 ? (
            <span className="text-soft">{t('everything')}</span>
          ) : (
            <ScopeSelect
              selected={selectedIds.length}
              isEverything={isScopeEverything}
              onChange={setScopeEverything}
            />
          )}
          {ACTIONS.map((action) => (
            <ActionButton
              key={action}
              action={action}
              isFilter={target.kind === 'filter'}
              onClick={() => setRequest({ action, target })}
            />
          ))}
        </div>
      )}
      <Suspense>
        {started && (
          <Dismissible onDismiss={isOver ? drop : null}>
            <BulkStartResult
              started={started}
              onEnd={() => {
                setOver(true);
                refresh();
              }}
            />
          </Dismissible>
        )}
        {request && (
          <BulkDialog
            {...request}
            onClose={() => setRequest(null)}
            onStarted={(result) => {
              announce();
              setStarted(result);
              setOver(result.kind === 'done');
              onStarted?.(request.action);
              refresh();
            }}
          />
        )}
      </Suspense>
    </section>
  );
}

/** Whether the actions apply to the selected rows or to all that match the filter. */
function ScopeSelect({
  selected,
  isEverything,
  onChange,
}: {
  selected: number;
  isEverything: boolean;
  onChange: (isEverything: boolean) => void;
}) {
  const t = useTranslations('bulk');
  const count = useCount();
  return (
    <select
      aria-label={t('scope')}
      value={isEverything ? 'everything' : 'selected'}
      onChange={(event) => onChange(event.target.value === 'everything')}
      className="control"
    >
      <option value="selected">
        {t('selected', {
          count: selected,
          number: count(selected),
        })}
      </option>
      <option value="everything">{t('everything')}</option>
    </select>
  );
}

/** `isFilter`: the action applies to all jobs that match a filter, which needs a stored run. */
function ActionButton({
  action,
  isFilter,
  onClick,
}: {
  action: (typeof ACTIONS)[number];
  isFilter: boolean;
  onClick: () => void;
}) {
  const t = useTranslations();
  const denial = useDenials()[permissionOf(action)];
  const needsSchema = !useCanStoreBulkRuns() && isFilter;
  const text = t(`actions.${action}.menu`);
  if (denial || needsSchema)
    return (
      <Tooltip content={denial ? t(`actions.why.${denial}`) : t('bulk.needsSchema')}>
        <Button aria-disabled="true">{text}</Button>
      </Tooltip>
    );
  return (
    <Button kind={DESTRUCTIVE.has(action) ? 'danger' : 'plain'} onClick={onClick}>
      {text}
    </Button>
  );
}
