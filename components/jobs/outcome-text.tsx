'use client';

import { useTranslations } from 'next-intl';
import type { Outcome, UndoableAction } from '@/lib/good-job/types';
import type { ActionResult } from '@/lib/http/server-action';
import { useAbsoluteTime } from '../time';
import { Icon } from '../ui/icon';
import type { JobActionResult } from './action-dialog';

/** An undo of an action on a job. */
export interface JobUndoResult {
  undone: UndoableAction;
  result: ActionResult<Outcome>;
}

/** Returns a function that describes the outcome of an action or of its undo. */
export function useOutcomeText(): (
  action: Pick<JobActionResult, 'action' | 'result' | 'scheduledAt'> | JobUndoResult,
) => string {
  const t = useTranslations();
  const absolute = useAbsoluteTime();
  return (action) => {
    const { result } = action;
    if (!result.ok) return t(`errors.${result.error}`);
    const outcome = result.value;
    switch (outcome.outcome) {
      case 'done':
        if ('undone' in action) {
          if (action.undone === 'discard') return t('outcomes.undone.discard');
          return outcome.scheduledAt
            ? t('outcomes.undone.reschedule', { at: absolute(outcome.scheduledAt) })
            : t('outcomes.undone.reschedule_due');
        }
        if (action.action !== 'reschedule') return t(`outcomes.done.${action.action}`);
        return action.scheduledAt
          ? t('outcomes.done.reschedule', { at: absolute(action.scheduledAt) })
          : t('outcomes.done.reschedule_now');
      case 'locked':
        return outcome.processId && outcome.processSeenAt
          ? t('outcomes.lockedBy', {
              process: outcome.processId,
              time: absolute(outcome.processSeenAt),
            })
          : t('outcomes.locked');
      case 'refused':
        return t(`outcomes.refused.${outcome.code}`);
      default:
        return t(`outcomes.${outcome.outcome}`);
    }
  };
}

/** The outcome of an action that a page without JavaScript has confirmed. */
export function OutcomeText(
  action: Pick<JobActionResult, 'action' | 'result' | 'scheduledAt'> | JobUndoResult,
) {
  return useOutcomeText()(action);
}

/** One outcome in place, for an action that shows no toast. */
export function OutcomeLine({ done, text }: { done: boolean; text: string }) {
  return (
    <p
      role="status"
      className={`flex items-start gap-1.5 ${done ? 'text-succeeded' : 'text-danger'}`}
    >
      <Icon name={done ? 'succeeded' : 'warning'} className="mt-[3px]" />
      <span>{text}</span>
    </p>
  );
}
