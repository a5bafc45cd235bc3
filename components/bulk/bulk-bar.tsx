'use client';

import { useTranslations } from 'next-intl';
import {
  type RefObject,
  Suspense,
  useCallback,
  useEffect,
  useImperativeHandle,
  useRef,
  useState,
} from 'react';
import {
  type BulkAction,
  type BulkStart,
  type BulkTarget,
  MAX_SELECTED,
  permissionOf,
} from '@/lib/bulk/types';
import { JOB_STATES, type JobState, isJobState } from '@/lib/good-job/types';
import { filterParts } from '@/lib/jobs/links';
import { Dismissible } from '../dismissible';
import { disabledReason } from '../jobs/action-rules';
import { useTabCounts } from '../jobs/tab-counts';
import type { SelectedJobs } from '../jobs/use-selection';
import { useAnnounceOutcome } from '../outcomes';
import { useCanStoreBulkRuns, useDenials } from '../permissions';
import { usePolling } from '../polling/polling-provider';
import { useCount, useCountText } from '../quantities';
import { buttonClass } from '../ui/button';
import { Icon } from '../ui/icon';
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
type Action = (typeof ACTIONS)[number];
/** Keys of the list that open the dialog of an action. */
const KEYS: Partial<Record<Action, string>> = { retry: 'r', reschedule: 's', discard: 'd' };

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

export interface BulkBarProps extends BulkTargetOptions {
  selected: SelectedJobs;
  act: RefObject<BulkAct | null>;
  /** Selects the rest of the page; null when all of it is selected. */
  onSelectPage: (() => void) | null;
  onClear: () => void;
  onStarted: (action: BulkAction) => void;
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

const stateParam = (filterQuery: string): JobState | null => {
  const state = new URLSearchParams(filterQuery).get('state') ?? '';
  return isJobState(state) ? state : null;
};

/** The states that jobs of a filter may have. */
function statesOf(filterQuery: string): readonly JobState[] {
  const state = stateParam(filterQuery);
  return state ? [state] : JOB_STATES;
}

/** Whether jobs in one of these states allow an action. */
const isOffered = (action: Action, states: readonly JobState[]) =>
  states.some((state) => disabledReason(action, { state, error: 'any' }, {}) === null);

/** The dialog of an action and the progress of the last one. */
function useBulkRun(onStarted: (action: BulkAction) => void) {
  const { refresh } = usePolling();
  const [request, setRequest] = useState<{ action: BulkAction; target: BulkTarget } | null>(null);
  const [started, setStarted] = useState<BulkStart | null>(null);
  const [isOver, setOver] = useState(false);
  const drop = useCallback(() => setStarted((previous) => (isOver ? null : previous)), [isOver]);
  const announce = useAnnounceOutcome(drop);
  const section = useRef<HTMLElement>(null);
  // An action may remove its own button, so focus moves to the outcome.
  useEffect(() => {
    if (started && document.activeElement === document.body) section.current?.focus();
  }, [started]);
  const result = started && (
    <Dismissible onDismiss={isOver ? drop : null}>
      <BulkStartResult
        started={started}
        onEnd={() => {
          setOver(true);
          refresh();
        }}
      />
    </Dismissible>
  );
  const dialog = request && (
    <BulkDialog
      {...request}
      onClose={() => setRequest(null)}
      onStarted={(start) => {
        announce();
        setStarted(start);
        setOver(start.kind === 'done');
        onStarted(request.action);
        refresh();
      }}
    />
  );
  const ask = (action: BulkAction, target: BulkTarget) => setRequest({ action, target });
  return { section, result, dialog, ask };
}

/** The actions on all jobs of a filter, as on a group of failures. */
export function FilterActions({ filterQuery }: { filterQuery: string }) {
  const t = useTranslations('bulk');
  const { section, result, dialog, ask } = useBulkRun(() => undefined);
  const target: BulkTarget = { kind: 'filter', query: filterQuery, batchId: null };
  const reasonOf = useDenialOf(target);
  return (
    <section
      ref={section}
      tabIndex={-1}
      aria-label={t('bar')}
      className="js-only flex flex-col gap-2"
    >
      <div className="flex flex-wrap items-center gap-2">
        <span className="text-soft">{t('everything')}</span>
        {ACTIONS.filter((action) => isOffered(action, statesOf(filterQuery))).map((action) => (
          <ActionButton
            key={action}
            action={action}
            reason={reasonOf(action)}
            className={buttonClass()}
            onClick={() => ask(action, target)}
          />
        ))}
      </div>
      <Suspense>{result}</Suspense>
      <Suspense>{dialog}</Suspense>
    </section>
  );
}

/**
 * The bar of a selection: the actions on its rows or on all that match, and the progress of the last
 * one. It floats over the page, so that neither a selection nor a result moves the list.
 */
export function BulkBar(props: BulkBarProps) {
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

/** Returns why the viewer cannot start an action on this target; null if they can. */
function useDenialOf(target: BulkTarget): (action: Action) => string | null {
  const t = useTranslations();
  const denials = useDenials();
  const canStoreRuns = useCanStoreBulkRuns();
  return (action) => {
    const denial = denials[permissionOf(action)];
    if (denial) return t(`actions.why.${denial}`);
    if (target.kind === 'filter' && !canStoreRuns) return t('bulk.needsSchema');
    const isTooMany = target.kind === 'ids' && target.ids.length > MAX_SELECTED;
    return isTooMany ? t('bulk.tooManySelected', { limit: MAX_SELECTED }) : null;
  };
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
      <p aria-live="polite" className="font-medium">
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
        className="bulk-action"
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

function ActionButton({
  action,
  reason,
  hasKey = false,
  className,
  onClick,
}: {
  action: Action;
  reason: string | null;
  hasKey?: boolean;
  className: string;
  onClick: () => void;
}) {
  const t = useTranslations('actions');
  const content = (
    <>
      {t(`${action}.menu`)}
      {hasKey && KEYS[action] && (
        <kbd aria-hidden="true" className="bulk-key">
          {KEYS[action]}
        </kbd>
      )}
    </>
  );
  if (reason)
    return (
      <Tooltip content={reason}>
        <button type="button" aria-disabled="true" className={className}>
          {content}
        </button>
      </Tooltip>
    );
  return (
    <button type="button" onClick={onClick} className={className}>
      {content}
    </button>
  );
}
