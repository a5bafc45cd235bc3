'use client';

import { useQuery } from '@tanstack/react-query';
import { useTimeZone, useTranslations } from 'next-intl';
import { type FormEvent, type RefObject, useId, useState } from 'react';
import { utcToZoned, zonedToUtc } from '@/lib/core/locale';
import type { ActionWarnings } from '@/lib/good-job/action-warnings';
import type { JobAction } from '@/lib/good-job/actions';
import type { Outcome } from '@/lib/good-job/outcomes';
import type { ActionResult } from '@/lib/http/server-action';
import { changeJob } from '@/lib/jobs/actions';
import { actionFailed, isConsoleUpdated } from '../action-failed';
import { fetchJson } from '../fetch-json';
import { usePausePolling, useLive } from '../live';
import { useReasonRequired } from '../permissions';
import { ReasonField } from '../reason-field';
import { Button } from '../ui/button';
import { Dialog } from '../ui/dialog';
import { ActionEffect, ActionWarningNote, RescheduleFields } from './action-fields';
import { DESTRUCTIVE } from './action-rules';
import { usePastTime } from './use-past-time';

export interface DoneAction {
  id: string;
  action: JobAction;
  result: ActionResult<Outcome>;
}

interface Props {
  action: JobAction;
  job: { id: string; jobClass: string | null };
  returnTo?: RefObject<HTMLElement | null>;
  onDone: (acted: DoneAction) => void;
  onClose: () => void;
}

/** Asks before an action on one job and carries it out; `onActed` gets what it came to. */
export function ActionDialog({ action, job, returnTo, onDone, onClose }: Props) {
  const t = useTranslations();
  const zone = useTimeZone() ?? 'UTC';
  const heading = useId();
  const [working, setWorking] = useState(false);
  const [problem, setProblem] = useState<string | null>(null);
  const [suggestedTime] = useState(() => utcToZoned(Date.now() + 3_600_000, zone));
  const reasonRequired = useReasonRequired();
  usePausePolling(true);
  const questionOf = usePastTime();
  const { basePath } = useLive();
  const door = `/api/jobs/${job.id}/warnings`;
  const { data: warnings } = useQuery({
    queryKey: [door],
    queryFn: ({ signal }) => fetchJson<ActionWarnings>(basePath + door, signal),
    gcTime: 0,
    retry: false,
  });
  const warning = warnings?.[action];

  async function submit(event: FormEvent<HTMLFormElement>) {
    event.preventDefault();
    const form = new FormData(event.currentTarget);
    let scheduledAt: string | null = null;
    if (action === 'reschedule' && form.get('when') === 'at') {
      scheduledAt = zonedToUtc(String(form.get('at')), zone);
      if (!scheduledAt) return setProblem(t('actions.reschedule.badTime'));
    }
    const question = questionOf(scheduledAt);
    if (question) return setProblem(question);
    setWorking(true);
    setProblem(null);
    const result = await changeJob({
      action,
      id: job.id,
      scheduledAt,
      reason: String(form.get('reason')),
    }).catch(actionFailed);
    if (isConsoleUpdated(result)) {
      setWorking(false);
      return setProblem(t('errors.console_updated'));
    }
    onDone({ id: job.id, action, result });
    onClose();
  }

  return (
    <Dialog labelledBy={heading} onClose={onClose} returnTo={returnTo}>
      <form onSubmit={(event) => void submit(event)}>
        <h2 id={heading} className="text-lg font-semibold">
          {t(`actions.${action}.title`)}
        </h2>
        <ActionEffect action={action} job={job} />
        {warning && <ActionWarningNote warning={warning} />}
        {action === 'reschedule' && <RescheduleFields zone={zone} at={suggestedTime} />}
        <ReasonField required={reasonRequired} />
        {problem && (
          <p role="alert" className="mt-2 text-danger">
            {problem}
          </p>
        )}
        <div className="mt-5 flex flex-wrap justify-end gap-2">
          <Button
            onClick={onClose}
            disabled={working}
            data-focus-first={DESTRUCTIVE.has(action) ? '' : undefined}
          >
            {t('actions.cancel')}
          </Button>
          <Button
            type="submit"
            kind={DESTRUCTIVE.has(action) ? 'danger' : 'primary'}
            disabled={working}
            data-focus-first={DESTRUCTIVE.has(action) ? undefined : ''}
          >
            {working ? t('actions.working') : t(`actions.${action}.confirm`)}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
