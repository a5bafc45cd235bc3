'use client';

import { useRouter } from 'next/navigation';
import { useTranslations } from 'next-intl';
import { useState } from 'react';
import type { JobAction } from '@/lib/good-job/types';
import type { JobRow } from '@/lib/jobs/types';
import { useHref } from '../application';
import { useDenials } from '../permissions';
import { usePolling } from '../polling/polling-provider';
import { buttonClass } from '../ui/button';
import { Tooltip } from '../ui/tooltip';
import { type JobActionResult, ActionDialog } from './action-dialog';
import { MENU_ACTIONS, disabledReason } from './action-rules';
import { useActionToast } from './use-action-toast';

const BUTTON_KINDS = {
  retry: 'primary',
  reschedule: 'plain',
  discard: 'danger',
  force_discard: 'danger',
  destroy: 'danger',
} as const satisfies Record<JobAction, string>;

/**
 * The actions of the job page: links to confirmation pages, which open a dialog if JavaScript runs.
 */
export function JobActions({ job }: { job: Pick<JobRow, 'id' | 'jobClass' | 'state' | 'error'> }) {
  const t = useTranslations();
  const href = useHref();
  const { refresh } = usePolling();
  const router = useRouter();
  const denials = useDenials();
  const showToast = useActionToast();
  const [action, setAction] = useState<JobAction | null>(null);
  const onDone = (result: JobActionResult) => {
    showToast(result);
    // The page of a destroyed job no longer exists.
    if (result.action === 'destroy' && result.result.ok && result.result.value.outcome === 'done')
      return router.push('/jobs');
    router.refresh();
    refresh();
  };
  return (
    <>
      <ul className="flex flex-wrap gap-2">
        {MENU_ACTIONS.map((name) => {
          const reason = disabledReason(name, job, denials);
          return (
            <li key={name}>
              {reason ? (
                <Tooltip content={t(`actions.why.${reason}`)}>
                  <button type="button" aria-disabled="true" className={buttonClass('plain')}>
                    {t(`actions.${name}.name`)}
                  </button>
                </Tooltip>
              ) : (
                <a
                  href={href(`/jobs/${job.id}/${name}`)}
                  className={buttonClass(BUTTON_KINDS[name])}
                  onClick={(event) => {
                    event.preventDefault();
                    setAction(name);
                  }}
                >
                  {t(`actions.${name}.menu`)}
                </a>
              )}
            </li>
          );
        })}
      </ul>
      {action && (
        <ActionDialog action={action} job={job} onDone={onDone} onClose={() => setAction(null)} />
      )}
    </>
  );
}
