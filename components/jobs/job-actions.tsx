'use client';

import { useRouter } from 'next/navigation';
import { useTranslations } from 'next-intl';
import { useEffect, useRef, useState } from 'react';
import type { JobAction } from '@/lib/good-job/types';
import type { JobRow } from '@/lib/jobs/types';
import { useHref } from '../application';
import { Dismissible } from '../dismissible';
import { useNavigate } from '../navigation';
import { useLastOutcome } from '../outcomes';
import { usePaletteActions } from '../palette/page-actions';
import { useDenials } from '../permissions';
import { usePolling } from '../polling/polling-provider';
import { buttonClass } from '../ui/button';
import { Tooltip } from '../ui/tooltip';
import { type JobActionResult, ActionDialog } from './action-dialog';
import { MENU_ACTIONS, disabledReason } from './action-rules';
import { OutcomeLine, useOutcomeText } from './outcome-text';

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
  const navigate = useNavigate();
  const denials = useDenials();
  const outcomeText = useOutcomeText();
  const [action, setAction] = useState<JobAction | null>(null);
  const { outcome: lastAction, show, drop } = useLastOutcome<JobActionResult>();
  const outcome = useRef<HTMLDivElement>(null);
  // The action may remove its own button, so focus moves to the outcome.
  useEffect(() => outcome.current?.focus(), [lastAction]);
  const onDone = (result: JobActionResult) => {
    // The page of a destroyed job no longer exists.
    if (result.action === 'destroy' && result.result.ok && result.result.value.outcome === 'done')
      return navigate('/jobs?did=destroy&outcome=done');
    show(result);
    router.refresh();
    refresh();
  };
  usePaletteActions(() =>
    MENU_ACTIONS.map((name) => {
      const reason = disabledReason(name, job, denials);
      return {
        key: name,
        text: t(`actions.${name}.menu`),
        reason: reason && t(`actions.why.${reason}`),
        onSelect: () => setAction(name),
      };
    }),
  );
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
      {lastAction && (
        <div ref={outcome} tabIndex={-1} className="mt-2">
          <Dismissible onDismiss={drop}>
            <OutcomeLine
              done={lastAction.result.ok && lastAction.result.value.outcome === 'done'}
              text={outcomeText(lastAction.action, lastAction.result)}
            />
          </Dismissible>
        </div>
      )}
      {action && (
        <ActionDialog action={action} job={job} onDone={onDone} onClose={() => setAction(null)} />
      )}
    </>
  );
}
