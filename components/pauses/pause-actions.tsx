'use client';

import { useQuery } from '@tanstack/react-query';
import { useTranslations } from 'next-intl';
import { type ReactNode, type RefObject, useState } from 'react';
import type { ActionResult } from '@/lib/http/server-action';
import { changePauses, undoPauseAction } from '@/lib/pauses/actions';
import type { PauseOutcome, PausePreview, PauseRow, PauseState } from '@/lib/pauses/types';
import { useHref } from '../application';
import { ConfirmDialog } from '../confirm-dialog';
import { useDenials } from '../permissions';
import { usePolling } from '../polling/polling-provider';
import { fetchJson, isConsoleUpdated, toActionError } from '../requests';
import { type Toast, useToasts } from '../toasts';
import { buttonClass, LinkButton } from '../ui/button';
import { PauseEffect } from './pause-effect';
import {
  isPauseChanged,
  type PauseAction,
  pauseOutcomeCode,
  usePauseOutcomeText,
} from './pause-outcome';

export type PauseTarget = Pick<PauseRow, 'kind' | 'name'>;

/** The parameter of the job list that selects the jobs of a pause. */
export const JOB_PARAMS = { queue: 'queue_name', job_class: 'job_class', label: 'label' } as const;

interface Options {
  /** Whether a pause can end by itself. */
  canEnd: boolean;
  onDone?: (action: PauseAction, result: ActionResult<PauseOutcome>) => void;
  returnTo?: RefObject<HTMLElement | null>;
}

/**
 * Opens a dialog that confirms a pause or unpause and runs it. A toast has the outcome, and the
 * undo of a pause that the action added.
 */
export function usePause({ canEnd, onDone, returnTo }: Options): {
  openDialog: (action: PauseAction, target: PauseTarget) => void;
  dialog: ReactNode;
} {
  const t = useTranslations('pauses');
  const { refresh } = usePolling();
  const { show } = useToasts();
  const outcomeToast = useOutcomeToast();
  const [open, setOpen] = useState<{ action: PauseAction; target: PauseTarget } | null>(null);
  const { action, target } = open ?? {};
  const dialog = action && target && (
    <ConfirmDialog
      title={t(`${action}.title.${target.kind}`)}
      confirm={t(`${action}.confirm`)}
      returnTo={returnTo}
      onClose={() => setOpen(null)}
      onConfirm={async (form) => {
        const reason = String(form.get('reason'));
        const end = String(form.get('end') ?? '') || null;
        const result = await changePauses(
          action === 'pause' ? { action, ...target, end, reason } : { action, ...target, reason },
        ).catch(toActionError);
        if (isConsoleUpdated(result)) return 'console_updated';
        show(outcomeToast(action, target, result, reason));
        onDone?.(action, result);
        refresh();
        return 'done';
      }}
    >
      <LoadedEffect action={action} target={target} canEnd={canEnd} />
    </ConfirmDialog>
  );
  const openDialog = (nextAction: PauseAction, { kind, name }: PauseTarget) =>
    setOpen({ action: nextAction, target: { kind, name } });
  return { openDialog, dialog };
}

/** The effect with the numbers of now, which are loaded when the dialog opens. */
function LoadedEffect({
  action,
  target,
  canEnd,
}: {
  action: PauseAction;
  target: PauseTarget;
  canEnd: boolean;
}) {
  const href = useHref();
  const { kind, name } = target;
  const endpoint = `/api/pauses/preview?${new URLSearchParams({ kind, value: name })}`;
  const { data = null } = useQuery({
    queryKey: [endpoint],
    queryFn: ({ signal }) => fetchJson<PausePreview>(href(endpoint), signal),
    gcTime: 0,
    retry: false,
  });
  return <PauseEffect action={action} pause={target} preview={data} canEnd={canEnd} />;
}

type MakeToast = (
  action: PauseAction,
  target: PauseTarget,
  result: ActionResult<PauseOutcome>,
  reason: string,
) => Toast;

function useOutcomeToast(): MakeToast {
  const t = useTranslations('pauses');
  const outcomeText = usePauseOutcomeText();
  const undo = useUndo();
  return (action, target, result, reason) => {
    const code = pauseOutcomeCode(result);
    const added = result.ok && result.value.outcome === 'done' ? result.value.added : null;
    const changedEnd = result.ok && result.value.outcome === 'end_changed' && result.value.endsAt;
    const endsAt = added?.endsAt ?? (changedEnd || null);
    const jobs = new URLSearchParams({
      [JOB_PARAMS[target.kind]]: target.name,
      q: 'state:scheduled,retried,queued',
    });
    return {
      text: outcomeText(action, code, target.name, endsAt) ?? '',
      tone: isPauseChanged(code) ? 'done' : 'problem',
      link:
        action === 'pause'
          ? { href: '/pauses', text: t('link.pauses') }
          : { href: `/jobs?${jobs}`, text: t('link.waiting') },
      ...(added ? { undo: { text: t('undo.menu'), run: () => undo(target, added, reason) } } : {}),
    };
  };
}

/** Returns a function that reverts a pause and returns the toast about it. */
function useUndo(): (target: PauseTarget, state: PauseState, reason: string) => Promise<Toast> {
  const t = useTranslations();
  const { refresh } = usePolling();
  return async (target, state, reason) => {
    const result = await undoPauseAction({ ...target, ...state, reason }).catch(toActionError);
    refresh();
    if (!result.ok) return { text: t(`errors.${result.error}`), tone: 'problem' };
    return result.value.outcome === 'done'
      ? { text: t('pauses.undo.done', { name: target.name }) }
      : { text: t('pauses.undo.conflict'), tone: 'problem' };
  };
}

/** Opens the dialog of a pause or unpause; without JavaScript the link opens the same form. */
export function PauseButton({
  action,
  target: { kind, name },
  text,
  from = 'pauses',
  isQuiet = false,
  onPress,
}: {
  action: PauseAction;
  target: PauseTarget;
  text: string;
  /** The page to which the form returns. */
  from?: 'pauses' | 'queues';
  isQuiet?: boolean;
  onPress: () => void;
}) {
  const t = useTranslations('actions.why');
  const href = useHref();
  const denial = useDenials()[`pause.${action}`];
  const params = new URLSearchParams({ type: kind, value: name, back: from });
  return (
    <LinkButton
      href={href(`/pauses/${action}?${params}`)}
      aria-disabled={denial ? true : undefined}
      title={denial ? t(denial) : `${text} ${name}`}
      className={buttonClass(isQuiet ? 'quiet' : 'plain')}
      onPress={() => {
        if (!denial) onPress();
      }}
    >
      {text}
      <span className="sr-only"> {name}</span>
    </LinkButton>
  );
}
