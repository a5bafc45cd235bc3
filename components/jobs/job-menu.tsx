'use client';

import { useTranslations } from 'next-intl';
import { Suspense, useRef, useState } from 'react';
import type { JobAction } from '@/lib/good-job/types';
import type { JobRow } from '@/lib/jobs/types';
import { useHref } from '../application';
import { useDenials } from '../permissions';
import { usePausePolling } from '../polling/polling-provider';
import { lazyScript } from '../ui/lazy-script';
import { Menu } from '../ui/menu';
import type { JobActionResult } from './action-dialog';
import { DESTRUCTIVE, MENU_ACTIONS, disabledReason } from './action-rules';

// Loaded when the viewer first starts an action.
const ActionDialog = lazyScript(() =>
  import('./action-dialog').then(({ ActionDialog: component }) => ({ default: component })),
);

/** The actions menu of a job's row; without JavaScript, a link to the job's page. */
export function JobMenu({
  job,
  onDone,
}: {
  job: JobRow;
  onDone: (result: JobActionResult) => void;
}) {
  const t = useTranslations();
  const href = useHref();
  const denials = useDenials();
  const [open, setOpen] = useState(false);
  const [action, setAction] = useState<JobAction | null>(null);
  const trigger = useRef<HTMLElement>(null);
  usePausePolling(open || action !== null);
  const items = () =>
    MENU_ACTIONS.map((name) => {
      const reason = disabledReason(name, job, denials);
      return {
        key: name,
        text: t(`actions.${name}.menu`),
        reason: reason && t(`actions.why.${reason}`),
        isDestructive: DESTRUCTIVE.has(name),
        onSelect: () => setAction(name),
      };
    });
  return (
    <>
      <Menu
        label={t('jobs.menu', { id: job.id })}
        href={href(`/jobs/${job.id}#actions`)}
        open={open}
        onOpenChange={setOpen}
        trigger={trigger}
        items={items}
      />
      {action && (
        <Suspense>
          <ActionDialog
            action={action}
            job={job}
            returnTo={trigger}
            onDone={onDone}
            onClose={() => setAction(null)}
          />
        </Suspense>
      )}
    </>
  );
}
