'use client';

import { useTranslations } from 'next-intl';
import { useRef, useState } from 'react';
import type { CronRow } from '@/lib/cron/types';
import { usePausePolling, useLive } from '../live';
import { useDenials } from '../permissions';
import { Menu } from '../ui/menu';
import { type CronActed, cronActions, useCronAction, whyNotCron } from './use-cron-action';

/** The row's menu of a cron entry. Without JavaScript it is a link to the entry's page, which has them all. */
export function CronMenu({ row, onDone }: { row: CronRow; onDone: (acted: CronActed) => void }) {
  const t = useTranslations();
  const { basePath } = useLive();
  const denials = useDenials();
  const [open, setOpen] = useState(false);
  const trigger = useRef<HTMLElement>(null);
  const { ask, dialog } = useCronAction(row, onDone, trigger);
  usePausePolling(open);
  return (
    <>
      <Menu
        label={t('cron.menu', { key: row.key })}
        href={`${basePath}/cron_entries/${encodeURIComponent(row.key)}#actions`}
        open={open}
        onOpenChange={setOpen}
        trigger={trigger}
        items={() =>
          cronActions(row).map((action) => {
            const reason = whyNotCron(action, row, denials);
            return {
              key: action,
              text: t(`cron.${action}.menu`),
              reason: reason && t(reason),
              onSelect: () => ask(action),
            };
          })
        }
      />
      {dialog}
    </>
  );
}
