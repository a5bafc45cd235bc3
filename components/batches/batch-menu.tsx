'use client';

import { useTranslations } from 'next-intl';
import { useRef, useState } from 'react';
import type { BatchRow } from '@/lib/batches/types';
import { usePausePolling, useLive } from '../live';
import { useDenials } from '../permissions';
import { Menu } from '../ui/menu';
import { type BatchActed, RetryDialog } from './retry-dialog';

/** The row's menu of a batch. Without JavaScript it is a link to the confirmation page. */
export function BatchMenu({
  batch,
  discarded,
  onDone,
}: {
  batch: BatchRow;
  discarded: number;
  onDone: (acted: BatchActed) => void;
}) {
  const t = useTranslations();
  const { basePath } = useLive();
  const denied = useDenials()['batch.retry'];
  const [open, setOpen] = useState(false);
  const [asking, setAsking] = useState(false);
  const trigger = useRef<HTMLElement>(null);
  usePausePolling(open);
  const reason = denied ?? (batch.discardedAt || discarded > 0 ? null : 'noDiscarded');
  return (
    <>
      <Menu
        label={t('batches.menu', { id: batch.id })}
        href={`${basePath}/batches/${batch.id}${reason ? '' : '/retry'}`}
        open={open}
        onOpenChange={setOpen}
        trigger={trigger}
        items={() => [
          {
            key: 'retry',
            text: t('actions.batch_retry.menu'),
            reason: reason && t(`actions.why.${reason}`),
            onSelect: () => setAsking(true),
          },
        ]}
      />
      {asking && (
        <RetryDialog
          batch={batch}
          returnTo={trigger}
          onDone={onDone}
          onClose={() => setAsking(false)}
        />
      )}
    </>
  );
}
