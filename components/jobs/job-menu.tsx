'use client';

import * as Menu from '@radix-ui/react-dropdown-menu';
import { useTranslations } from 'next-intl';
import { useRef, useState } from 'react';
import type { JobAction } from '@/lib/good-job/actions';
import type { JobRow } from '@/lib/jobs/types';
import { useHold, useLive } from '../live';
import { useDenials } from '../permissions';
import { buttonClass } from '../ui/button';
import { Icon } from '../ui/icon';
import { type Acted, ActionDialog } from './action-dialog';
import { DESTRUCTIVE, MENU_ACTIONS, whyNot } from './action-rules';

/** The row's menu of actions. Without JavaScript it is a link to the job's page, which has them all. */
export function JobMenu({ job, onActed }: { job: JobRow; onActed: (acted: Acted) => void }) {
  const t = useTranslations();
  const { basePath } = useLive();
  const denials = useDenials();
  const [open, setOpen] = useState(false);
  const [action, setAction] = useState<JobAction | null>(null);
  const trigger = useRef<HTMLButtonElement>(null);
  useHold(open);
  return (
    <>
      <a href={`${basePath}/jobs/${job.id}#actions`} className={`${buttonClass('quiet')} no-js-only`} aria-label={t('jobs.menu', { id: job.id })}>
        <Icon name="more" />
      </a>
      <Menu.Root modal={false} open={open} onOpenChange={setOpen}>
        <Menu.Trigger ref={trigger} className={`${buttonClass('quiet')} js-only px-1.5`} aria-label={t('jobs.menu', { id: job.id })}>
          <Icon name="more" />
        </Menu.Trigger>
        <Menu.Portal>
          <Menu.Content align="end" sideOffset={4} collisionPadding={8} className="z-40 min-w-52 rounded-md border border-line-strong bg-raised p-1 shadow-lg">
            {MENU_ACTIONS.map((name) => {
              const reason = whyNot(name, job, denials);
              return (
                <Menu.Item
                  key={name}
                  disabled={reason !== null}
                  onSelect={() => setAction(name)}
                  className={`cursor-pointer rounded px-2.5 py-1.5 outline-none data-[disabled]:cursor-default data-[highlighted]:bg-accent-wash ${reason ? 'text-soft' : DESTRUCTIVE.has(name) ? 'text-danger' : ''}`}
                >
                  {t(`actions.${name}.menu`)}
                  {reason && <span className="block text-[12.5px]">{t(`actions.why.${reason}`)}</span>}
                </Menu.Item>
              );
            })}
          </Menu.Content>
        </Menu.Portal>
      </Menu.Root>
      {action && <ActionDialog action={action} job={job} returnTo={trigger} onActed={onActed} onClose={() => setAction(null)} />}
    </>
  );
}
