'use client';

import { useTranslations } from 'next-intl';
import { useRef, useState } from 'react';
import type { CronRow } from '@/lib/cron/types';
import { useHref } from '../application';
import { useDenials } from '../permissions';
import { usePausePolling } from '../polling/polling-provider';
import { Menu } from '../ui/menu';
import {
  type CronActionResult,
  cronActions,
  useCronAction,
  cronDisabledReason,
} from './use-cron-action';

/** The actions menu of a cron entry's row; without JavaScript, a link to the entry's page. */
export function CronMenu({
  row,
  onDone,
}: {
  row: CronRow;
  onDone: (result: CronActionResult) => void;
}) {
  const t = useTranslations();
  const href = useHref();
  const denials = useDenials();
  const [open, setOpen] = useState(false);
  const trigger = useRef<HTMLElement>(null);
  const { openDialog, dialog } = useCronAction(row, onDone, trigger);
  usePausePolling(open);
  return (
    <>
      <Menu
        label={t('cron.menu', { key: row.key })}
        href={href(`/cron_entries/${encodeURIComponent(row.key)}#actions`)}
        open={open}
        onOpenChange={setOpen}
        trigger={trigger}
        items={() =>
          cronActions(row).map((action) => {
            const reason = cronDisabledReason(action, row, denials);
            return {
              key: action,
              text: t(`cron.${action}.menu`),
              reason: reason && t(reason),
              onSelect: () => openDialog(action),
            };
          })
        }
      />
      {dialog}
    </>
  );
}
