'use client';

import { useTranslations } from 'next-intl';
import { Suspense, useRef, useState } from 'react';
import type { JobAction } from '@/lib/good-job/actions';
import type { JobRow } from '@/lib/jobs/types';
import { useHold, useLive } from '../live';
import { useDenials } from '../permissions';
import { lazyScript } from '../ui/lazy-script';
import { Menu } from '../ui/menu';
import type { Acted } from './action-dialog';
import { DESTRUCTIVE, MENU_ACTIONS, whyNot } from './action-rules';

// The dialogs come when the first action is chosen.
const ActionDialog = lazyScript(() =>
  import('./action-dialog').then(({ ActionDialog: component }) => ({ default: component })),
);

/** The row's menu of actions. Without JavaScript it is a link to the job's page, which has them all. */
export function JobMenu({ job, onActed }: { job: JobRow; onActed: (acted: Acted) => void }) {
  const t = useTranslations();
  const { basePath } = useLive();
  const denials = useDenials();
  const [open, setOpen] = useState(false);
  const [action, setAction] = useState<JobAction | null>(null);
  const trigger = useRef<HTMLElement>(null);
  useHold(open || action !== null);
  const items = () =>
    MENU_ACTIONS.map((name) => {
      const reason = whyNot(name, job, denials);
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
            onActed={onActed}
            onClose={() => setAction(null)}
          />
        </Suspense>
      )}
    </>
  );
}
