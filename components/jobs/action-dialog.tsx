'use client';

import { useQuery } from '@tanstack/react-query';
import { usePathname } from 'next/navigation';
import { useTranslations } from 'next-intl';
import { type ComponentProps, type RefObject, useCallback, useEffect, useRef } from 'react';
import {
  type ActionWarnings,
  type JobAction,
  type Outcome,
  UNDOABLE_ACTIONS,
  type UndoableAction,
} from '@/lib/good-job/types';
import type { ActionResult } from '@/lib/http/server-action';
import { changeJob, undoJob } from '@/lib/jobs/actions';
import { isBlankName } from '@/lib/jobs/links';
import { useHref } from '../application';
import { ConfirmDialog } from '../confirm-dialog';
import { useAnnounceOutcome } from '../dismissible';
import { usePolling } from '../polling/polling-provider';
import { fetchJson, isConsoleUpdated, toActionError } from '../requests';
import { type Toast, useToasts } from '../toasts';
import { ActionEffect, ActionWarningNote, RescheduleFields } from './action-fields';
import { DESTRUCTIVE } from './action-rules';
import { type JobUndoResult, useOutcomeText } from './outcome-text';
import { useRescheduleTime } from './reschedule-time';

export interface JobActionResult {
  id: string;
  jobClass?: string | null;
  action: JobAction;
  /** The new time of a reschedule, ISO 8601 UTC; null or absent: now. */
  scheduledAt?: string | null;
  result: ActionResult<Outcome>;
}

interface Props {
  action: JobAction;
  job: { id: string; jobClass: string | null };
  returnTo?: RefObject<HTMLElement | null>;
  onDone: (result: JobActionResult) => void;
  onClose: () => void;
}

/** Confirms an action on one job and runs it. */
export function ActionDialog({ action, job, returnTo, onDone, onClose }: Props) {
  const t = useTranslations('actions');
  const href = useHref();
  const { fields, timeOf, problemOf } = useRescheduleTime();
  const isDestructive = DESTRUCTIVE.has(action);
  const warningsPath = `/api/jobs/${job.id}/warnings`;
  const { data: warnings } = useQuery({
    queryKey: [warningsPath],
    queryFn: ({ signal }) => fetchJson<ActionWarnings>(href(warningsPath), signal),
    gcTime: 0,
    retry: false,
  });
  const warning = warnings?.[action];
  return (
    <ConfirmDialog
      title={t(`${action}.title`)}
      confirm={t(`${action}.confirm`)}
      isDestructive={isDestructive}
      focusFirst={isDestructive ? 'cancel' : 'confirm'}
      returnTo={returnTo}
      validate={problemOf}
      onConfirm={async (form) => {
        const scheduledAt = timeOf(form);
        const result = await changeJob({
          action,
          id: job.id,
          scheduledAt,
          reason: String(form.get('reason')),
        }).catch(toActionError);
        if (isConsoleUpdated(result)) return 'console_updated';
        onDone({ id: job.id, jobClass: job.jobClass, action, scheduledAt, result });
        return 'done';
      }}
      onClose={onClose}
    >
      <ActionEffect action={action} job={job} />
      {warning && <ActionWarningNote warning={warning} />}
      {action === 'reschedule' && <RescheduleFields {...fields} />}
    </ConfirmDialog>
  );
}

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

/** The dialog of an action from a list, which loads with the script of its result. */
export default function ListActionDialog({
  onDone,
  ...props
}: ComponentProps<typeof ActionDialog>) {
  const showResult = useActionToast();
  return (
    <ActionDialog
      {...props}
      onDone={(result) => {
        showResult(result);
        onDone(result);
      }}
    />
  );
}
