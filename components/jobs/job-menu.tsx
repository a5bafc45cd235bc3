'use client';

import { useTranslations } from 'next-intl';
import { Suspense, useRef, useState } from 'react';
import type { JobAction } from '@/lib/good-job/actions';
import type { JobRow } from '@/lib/jobs/types';
import { usePausePolling, useLive } from '../live';
import { useDenials } from '../permissions';
import { lazyScript } from '../ui/lazy-script';
import { Menu } from '../ui/menu';
import type { DoneAction } from './action-dialog';
import { DESTRUCTIVE, MENU_ACTIONS, disabledReason } from './action-rules';

// The dialogs come when the first action is chosen.
const ActionDialog = lazyScript(() =>
  import('./action-dialog').then(({ ActionDialog: component }) => ({ default: component })),
);

/** The row's menu of actions. Without JavaScript it is a link to the job's page, which has them all. */
export function JobMenu({ job, onDone }: { job: JobRow; onDone: (acted: DoneAction) => void }) {
  const t = useTranslations();
  const { basePath } = useLive();
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
        destructive: DESTRUCTIVE.has(name),
        onSelect: () => setAction(name),
      };
    });
  return (
    <>
      <Menu
        label={t('jobs.menu', { id: job.id })}
        href={`${basePath}/jobs/${job.id}#actions`}
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
