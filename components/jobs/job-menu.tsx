'use client';

import { useTranslations } from 'next-intl';
import { useRef, useState } from 'react';
import type { JobAction } from '@/lib/good-job/types';
import type { JobRow } from '@/lib/jobs/types';
import { useHref } from '../application';
import { useDenials } from '../permissions';
import { usePausePolling } from '../polling/polling-provider';
import { Menu } from '../ui/menu';
import { DESTRUCTIVE, MENU_ACTIONS, disabledReason } from './action-rules';

/** Opens the dialog of an action; `opener` gets the focus afterwards. */
export type OnAction = (job: JobRow, action: JobAction, opener: HTMLElement | null) => void;

/** The actions menu of a job's row; without JavaScript, a link to the job's page. */
export function JobMenu({
  job,
  tabIndex,
  onAction,
}: {
  job: JobRow;
  tabIndex: -1 | undefined;
  onAction: OnAction;
}) {
  const t = useTranslations();
  const href = useHref();
  const denials = useDenials();
  const [open, setOpen] = useState(false);
  const trigger = useRef<HTMLElement>(null);
  usePausePolling(open);
  const items = () =>
    MENU_ACTIONS.map((name) => {
      const reason = disabledReason(name, job, denials);
      return {
        key: name,
        text: t(`actions.${name}.menu`),
        reason: reason && t(`actions.why.${reason}`),
        isDestructive: DESTRUCTIVE.has(name),
        onSelect: () => onAction(job, name, trigger.current),
      };
    });
  return (
    <Menu
      label={t('jobs.menu', { id: job.id })}
      href={href(`/jobs/${job.id}#actions`)}
      open={open}
      onOpenChange={setOpen}
      trigger={trigger}
      tabIndex={tabIndex}
      items={items}
    />
  );
}
