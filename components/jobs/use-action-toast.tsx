'use client';

import { usePathname } from 'next/navigation';
import { useTranslations } from 'next-intl';
import { useCallback, useEffect, useRef } from 'react';
import { type UndoableAction, UNDOABLE_ACTIONS } from '@/lib/good-job/types';
import { undoJob } from '@/lib/jobs/actions';
import { isBlankName } from '@/lib/jobs/links';
import { toActionError } from '../action-failed';
import { useAnnounceOutcome } from '../outcomes';
import { usePolling } from '../polling/polling-provider';
import { type Toast, useToasts } from '../toasts';
import type { JobActionResult } from './action-dialog';
import { type JobUndoResult, useOutcomeText } from './outcome-text';

/** Toasts close by themselves. */
const ignore = () => undefined;

const isDone = ({ result }: JobActionResult | JobUndoResult) =>
  result.ok && result.value.outcome === 'done';

/**
 * Returns a function that shows the result of an action on a job as a toast: what was done, a link
 * to the job, and an undo where the action can be undone. The function never changes.
 */
export function useActionToast(): (result: JobActionResult) => void {
  const { show } = useToasts();
  const announce = useAnnounceOutcome(ignore);
  const toastOf = useResultToast();
  const latest = useRef(toastOf);
  useEffect(() => {
    latest.current = toastOf;
  });
  return useCallback(
    (result) => {
      announce();
      show(latest.current(result));
    },
    [announce, show],
  );
}

function useResultToast(): (result: JobActionResult) => Toast {
  const t = useTranslations();
  const pathname = usePathname();
  const { refresh } = usePolling();
  const outcomeText = useOutcomeText();

  function toastFor(
    { id, jobClass }: JobActionResult,
    result: JobActionResult | JobUndoResult,
    isRemoved: boolean,
  ): Toast {
    const isJobPage = pathname === `/jobs/${id}`;
    return {
      about: id,
      text: (
        <>
          {jobClass !== undefined && (
            <span className="block font-medium">
              {isBlankName(jobClass) ? t('jobs.noClass') : jobClass}
            </span>
          )}
          {outcomeText(result)}
        </>
      ),
      tone: isDone(result) ? 'done' : 'problem',
      ...(isRemoved || isJobPage
        ? {}
        : { link: { href: `/jobs/${id}`, text: t('actions.openJob') } }),
    };
  }

  async function undo(
    job: JobActionResult,
    undone: UndoableAction,
    undoId: string,
  ): Promise<Toast> {
    const result = await undoJob({ action: undone, id: job.id, undoId }).catch(toActionError);
    refresh();
    return toastFor(job, { undone, result }, isMissing(result));
  }

  return (job) => {
    const { action, result } = job;
    const toast = toastFor(job, job, isMissing(result) || (action === 'destroy' && isDone(job)));
    const undone = UNDOABLE_ACTIONS.find((undoable) => undoable === action);
    const undoId = result.ok && result.value.outcome === 'done' ? result.value.undoId : undefined;
    if (!undone || !undoId) return toast;
    return { ...toast, undo: { text: t('actions.undo'), run: () => undo(job, undone, undoId) } };
  };
}

const isMissing = (result: JobActionResult['result']) =>
  result.ok && result.value.outcome === 'missing';
