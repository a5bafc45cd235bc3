'use client';

import { useRouter } from 'next/navigation';
import { useTranslations } from 'next-intl';
import { useEffect, useRef, useState } from 'react';
import type { JobAction } from '@/lib/good-job/actions';
import type { JobRow } from '@/lib/jobs/types';
import { Dismissible } from '../dismissible';
import { useLive } from '../live';
import { useLastOutcome } from '../outcomes';
import { useDenials } from '../permissions';
import { buttonClass } from '../ui/button';
import { Tooltip } from '../ui/tooltip';
import { type DoneAction, ActionDialog } from './action-dialog';
import { DESTRUCTIVE, MENU_ACTIONS, disabledReason } from './action-rules';
import { OutcomeLine, useOutcomeText } from './outcome-text';

/** The job page's actions: links to the confirmation pages that open a dialog instead where there is JavaScript. */
export function JobActions({ job }: { job: Pick<JobRow, 'id' | 'jobClass' | 'state' | 'error'> }) {
  const t = useTranslations();
  const { basePath, refresh } = useLive();
  const router = useRouter();
  const denials = useDenials();
  const outcomeText = useOutcomeText();
  const [action, setAction] = useState<JobAction | null>(null);
  const { outcome: acted, show, drop } = useLastOutcome<DoneAction>();
  const outcome = useRef<HTMLDivElement>(null);
  // What was pressed may be no more: the focus goes to what it came to.
  useEffect(() => outcome.current?.focus(), [acted]);
  const done = (result: DoneAction) => {
    // Its own page is gone with it.
    if (result.action === 'destroy' && result.result.ok && result.result.value.outcome === 'done')
      return router.push('/jobs?did=destroy&outcome=done');
    show(result);
    router.refresh();
    refresh();
  };
  return (
    <>
      <ul className="flex flex-wrap gap-2">
        {MENU_ACTIONS.map((name) => {
          const reason = disabledReason(name, job, denials);
          const kind = DESTRUCTIVE.has(name)
            ? 'danger'
            : name === 'retry' && !reason
              ? 'primary'
              : 'plain';
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
                  href={`${basePath}/jobs/${job.id}/${name}`}
                  className={buttonClass(kind)}
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
      {acted && (
        <div ref={outcome} tabIndex={-1} className="mt-2">
          <Dismissible onDismiss={drop}>
            <OutcomeLine
              done={acted.result.ok && acted.result.value.outcome === 'done'}
              text={outcomeText(acted.action, acted.result)}
            />
          </Dismissible>
        </div>
      )}
      {action && (
        <ActionDialog action={action} job={job} onDone={done} onClose={() => setAction(null)} />
      )}
    </>
  );
}
