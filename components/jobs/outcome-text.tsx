'use client';

import { useTranslations } from 'next-intl';
import type { JobAction, Outcome } from '@/lib/good-job/types';
import type { ActionResult } from '@/lib/http/server-action';
import { useAbsoluteTime } from '../absolute-time';
import { Link } from '../link';
import { Icon } from '../ui/icon';
import type { JobActionResult } from './action-dialog';

/** Returns a function that describes the outcome of an action. */
export function useOutcomeText(): (action: JobAction, result: ActionResult<Outcome>) => string {
  const t = useTranslations();
  const absolute = useAbsoluteTime();
  return (action, result) => {
    if (!result.ok) return t(`errors.${result.error}`);
    const outcome = result.value;
    switch (outcome.outcome) {
      case 'done':
        return t(`outcomes.done.${action}`);
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

/** One outcome. `jobId` is set for a job whose row was removed. */
export function OutcomeLine({
  done,
  text,
  jobId,
}: {
  done: boolean;
  text: string;
  jobId?: string;
}) {
  return (
    <p
      role="status"
      className={`flex items-start gap-1.5 ${done ? 'text-succeeded' : 'text-danger'}`}
    >
      <Icon name={done ? 'succeeded' : 'warning'} className="mt-[3px]" />
      <span>
        {jobId && (
          <Link
            href={`/jobs/${jobId}`}
            prefetch={false}
            className="mr-2 font-mono text-sm break-all text-inherit"
          >
            {jobId}
          </Link>
        )}
        {text}
      </span>
    </p>
  );
}

/** The result of an action in a list. `withId` adds the job's id. */
export function ActionResultText({
  actionResult: { id, action, result },
  withId = false,
}: {
  actionResult: JobActionResult;
  withId?: boolean;
}) {
  const outcomeText = useOutcomeText();
  return (
    <OutcomeLine
      done={result.ok && result.value.outcome === 'done'}
      text={outcomeText(action, result)}
      jobId={withId ? id : undefined}
    />
  );
}
