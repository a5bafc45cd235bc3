'use client';

import { useQuery } from '@tanstack/react-query';
import { useTranslations } from 'next-intl';
import type { RefObject } from 'react';
import type { ActionWarnings, JobAction, Outcome } from '@/lib/good-job/types';
import type { ActionResult } from '@/lib/http/server-action';
import { changeJob } from '@/lib/jobs/actions';
import { toActionError, isConsoleUpdated } from '../action-failed';
import { useHref } from '../application';
import { ConfirmDialog } from '../confirm-dialog';
import { fetchJson } from '../fetch-json';
import { ActionEffect, ActionWarningNote, RescheduleFields } from './action-fields';
import { DESTRUCTIVE } from './action-rules';
import { useRescheduleTime } from './use-reschedule-time';

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
