'use client';

import { useTranslations } from 'next-intl';
import { useRef, useState } from 'react';
import type { BatchRow } from '@/lib/batches/types';
import { useHref } from '../application';
import { useDenials } from '../permissions';
import { usePausePolling } from '../polling/polling-provider';
import { Menu } from '../ui/menu';
import { type BatchActionResult, RetryDialog } from './retry-dialog';

/** The actions menu of a batch row; without JavaScript, a link to the confirmation page. */
export function BatchMenu({
  batch,
  discarded,
  onDone,
}: {
  batch: BatchRow;
  /** Null if they were not counted. */
  discarded: number | null;
  onDone: (result: BatchActionResult) => void;
}) {
  const t = useTranslations();
  const href = useHref();
  const denial = useDenials()['batch.retry'];
  const [open, setOpen] = useState(false);
  const [isDialogOpen, setDialogOpen] = useState(false);
  const trigger = useRef<HTMLElement>(null);
  usePausePolling(open);
  const reason = denial ?? (batch.discardedAt || (discarded ?? 0) > 0 ? null : 'noDiscarded');
  return (
    <>
      <Menu
        label={t('batches.menu', { id: batch.id })}
        href={href(`/batches/${batch.id}${reason ? '' : '/retry'}`)}
        open={open}
        onOpenChange={setOpen}
        trigger={trigger}
        items={() => [
          {
            key: 'retry',
            text: t('actions.batch_retry.menu'),
            reason: reason && t(`actions.why.${reason}`),
            onSelect: () => setDialogOpen(true),
          },
        ]}
      />
      {isDialogOpen && (
        <RetryDialog
          batch={batch}
          discarded={discarded}
          returnTo={trigger}
          onDone={onDone}
          onClose={() => setDialogOpen(false)}
        />
      )}
    </>
  );
}
