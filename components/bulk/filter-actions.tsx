'use client';

import { useTranslations } from 'next-intl';
import { Suspense, useCallback, useEffect, useRef, useState } from 'react';
import {
  type BulkAction,
  type BulkStart,
  type BulkTarget,
  MAX_SELECTED,
  permissionOf,
} from '@/lib/bulk/types';
import { isJobState, JOB_STATES, type JobState } from '@/lib/good-job/types';
import { Dismissible, useAnnounceOutcome } from '../dismissible';
import { MoreMessages } from '../i18n/more-messages';
import { disabledReason } from '../jobs/action-rules';
import { useCanStoreBulkRuns, useDenials } from '../permissions';
import { usePolling } from '../polling/polling-provider';
import { buttonClass } from '../ui/button';
import { Tooltip } from '../ui/floating';
import { lazyScript } from '../ui/lazy-script';

// Loaded when the viewer first starts an action.
const BulkDialog = lazyScript(() =>
  import('./bulk-dialog').then((module) => ({ default: module.BulkDialog })),
);
const BulkStartResult = lazyScript(() =>
  import('./bulk-progress').then((module) => ({ default: module.BulkStartResult })),
);

/** In the order of the job menu: the destructive actions last. */
export const ACTIONS = ['retry', 'reschedule', 'discard', 'destroy'] as const;
export type Action = (typeof ACTIONS)[number];
/** Keys of the list that open the dialog of an action. */
const KEYS: Partial<Record<Action, string>> = { retry: 'r', reschedule: 's', discard: 'd' };

/** The actions on all jobs of a filter with their messages. */
export function LazyFilterActions({ filterQuery }: { filterQuery: string }) {
  return (
    <MoreMessages>
      <FilterActions filterQuery={filterQuery} />
    </MoreMessages>
  );
}

/** The actions on all jobs of a filter, as on a group of failures. */
function FilterActions({ filterQuery }: { filterQuery: string }) {
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

/** A button that starts an action; `reason` is why it is disabled. */
export function ActionButton({
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

/** The dialog of an action and the progress of the last one. */
export function useBulkRun(onStarted: (action: BulkAction) => void) {
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

/** Returns why the viewer cannot start an action on this target; null if they can. */
export function useDenialOf(target: BulkTarget): (action: Action) => string | null {
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

/** The state of a filter; null for all states. */
export const stateParam = (filterQuery: string): JobState | null => {
  const state = new URLSearchParams(filterQuery).get('state') ?? '';
  return isJobState(state) ? state : null;
};

/** The states that jobs of a filter may have. */
export function statesOf(filterQuery: string): readonly JobState[] {
  const state = stateParam(filterQuery);
  return state ? [state] : JOB_STATES;
}

/** Whether jobs in one of these states allow an action. */
export const isOffered = (action: Action, states: readonly JobState[]) =>
  states.some((state) => disabledReason(action, { state, error: 'any' }, {}) === null);
