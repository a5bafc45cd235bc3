'use client';

import { useTranslations } from 'next-intl';
import { type RefObject, Suspense, useImperativeHandle, useState } from 'react';
import type { BulkAction, BulkTarget } from '@/lib/bulk/types';
import { filterParts } from '@/lib/jobs/links';
import { MoreMessages } from '../i18n/more-messages';
import { useTabCounts } from '../jobs/state-tabs';
import type { SelectedJobs } from '../jobs/use-selection';
import { useCount, useCountText } from '../quantities';
import { Icon } from '../ui/icon';
import {
  ACTIONS,
  type Action,
  ActionButton,
  isOffered,
  stateParam,
  statesOf,
  useBulkRun,
  useDenialOf,
} from './filter-actions';

/** Opens the dialog of an action on the selection. */
export type BulkAct = (action: Action) => void;

/** What the actions of a list apply to. */
export interface BulkTargetOptions {
  /** The list's filter as a URL query; its paging parameters are ignored. */
  filterQuery: string;
  /** Set for the list of one batch. */
  batchId?: string;
  /** The filter without its state, by which the jobs are counted; absent: they are not counted. */
  countQuery?: string;
}

interface BulkBarProps extends BulkTargetOptions {
  selected: SelectedJobs;
  act: RefObject<BulkAct | null>;
  /** Selects the rest of the page; null when all of it is selected. */
  onSelectPage: (() => void) | null;
  onClear: () => void;
  onStarted: (action: BulkAction) => void;
}

/** The bar of a selection with its messages, which a page loads after its list. */
export default function LazyBulkBar(props: BulkBarProps) {
  return (
    <MoreMessages>
      <BulkBar {...props} />
    </MoreMessages>
  );
}

/**
 * The bar of a selection: the actions on its rows or on all that match, and the progress of the last
 * one. It floats over the page, so that neither a selection nor a result moves the list.
 */
function BulkBar(props: BulkBarProps) {
  const { selected, act, onClear, onStarted } = props;
  const t = useTranslations('bulk');
  const { section, result, dialog, ask } = useBulkRun((action) => {
    onStarted(action);
    onClear();
  });
  const scope = useTarget(props);
  const reasonOf = useDenialOf(scope.target);
  useImperativeHandle(act, () => (action) => {
    if (isOffered(action, scope.states) && !reasonOf(action)) ask(action, scope.target);
  });
  if (selected.size === 0 && !result && !dialog) return null;
  return (
    <section ref={section} tabIndex={-1} aria-label={t('bar')} className="bulk-dock js-only">
      <Suspense>{result && <div className="bulk-card floating">{result}</div>}</Suspense>
      {/* Outside of Suspense, which would hide it and lose its focus while the dialog loads. */}
      {selected.size > 0 && (
        <SelectionBar
          {...props}
          scope={scope}
          reasonOf={reasonOf}
          onAct={(action) => ask(action, scope.target)}
        />
      )}
      <Suspense>{dialog}</Suspense>
    </section>
  );
}

/** The jobs that an action applies to: the selected ones, or all that match the filter. */
function useTarget({ selected, filterQuery, batchId }: BulkBarProps) {
  const [isEverything, setEverything] = useState(false);
  // It applies to one selection; the next one starts with only its own rows.
  if (isEverything && selected.size === 0) setEverything(false);
  const target: BulkTarget = isEverything
    ? { kind: 'filter', query: filterQuery, batchId: batchId ?? null }
    : { kind: 'ids', ids: [...selected.keys()] };
  const states = isEverything ? statesOf(filterQuery) : [...new Set(selected.values())];
  return { isEverything, setEverything, target, states };
}

function SelectionBar({
  selected,
  filterQuery,
  countQuery,
  scope: { isEverything, setEverything, states },
  reasonOf,
  onAct,
  onSelectPage,
  onClear,
}: BulkBarProps & {
  scope: ReturnType<typeof useTarget>;
  reasonOf: (action: Action) => string | null;
  onAct: (action: Action) => void;
}) {
  const t = useTranslations();
  const count = useCount();
  const text = t('jobs.selected', { count: selected.size, number: count(selected.size) });
  const hasConditions = filterParts(filterQuery).length > 0;
  return (
    <div className="bulk-bar">
      <p aria-live="polite" className="font-medium max-md:pr-8">
        {isEverything ? t(hasConditions ? 'bulk.everythingSelected' : 'bulk.allSelected') : text}
      </p>
      {!isEverything && onSelectPage && (
        <button type="button" className="bulk-link" onClick={onSelectPage}>
          {t('jobs.selectAll')}
        </button>
      )}
      {isEverything ? (
        <button type="button" className="bulk-link" onClick={() => setEverything(false)}>
          {t('bulk.onlySelected', { number: count(selected.size) })}
        </button>
      ) : (
        <button type="button" className="bulk-link" onClick={() => setEverything(true)}>
          <EverythingText
            filterQuery={filterQuery}
            countQuery={countQuery}
            hasConditions={hasConditions}
          />
        </button>
      )}
      <div className="flex flex-wrap items-center gap-1">
        {ACTIONS.filter((action) => isOffered(action, states)).map((action) => (
          <ActionButton
            key={action}
            action={action}
            reason={reasonOf(action)}
            hasKey
            className="bulk-action"
            onClick={() => onAct(action)}
          />
        ))}
      </div>
      <button
        type="button"
        aria-label={t('jobs.selectNone')}
        title={t('jobs.selectNone')}
        onClick={onClear}
        className="bulk-action max-md:absolute max-md:top-1 max-md:right-1"
      >
        <Icon name="close" />
      </button>
    </div>
  );
}

/** Offers to select everything that matches, with its number where that is known. */
function EverythingText(props: {
  filterQuery: string;
  countQuery: string | undefined;
  hasConditions: boolean;
}) {
  const { countQuery, ...rest } = props;
  return countQuery === undefined ? (
    <SelectEverything number={null} hasConditions={rest.hasConditions} />
  ) : (
    <CountedEverything countQuery={countQuery} {...rest} />
  );
}

function CountedEverything({
  filterQuery,
  countQuery,
  hasConditions,
}: {
  filterQuery: string;
  countQuery: string;
  hasConditions: boolean;
}) {
  const countText = useCountText();
  const total = useTabCounts(countQuery, stateParam(filterQuery))?.list;
  const number = total && total.kind !== 'unknown' ? countText(total).text : null;
  return <SelectEverything number={number} hasConditions={hasConditions} />;
}

function SelectEverything({
  number,
  hasConditions,
}: {
  number: string | null;
  hasConditions: boolean;
}) {
  const t = useTranslations('bulk');
  if (number === null) return t(hasConditions ? 'selectEverything' : 'selectAllJobs');
  return t(hasConditions ? 'selectEverythingOf' : 'selectAllJobsOf', { number });
}
