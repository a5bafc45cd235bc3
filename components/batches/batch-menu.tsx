'use client';

import * as Menu from '@radix-ui/react-dropdown-menu';
import { useTranslations } from 'next-intl';
import { useRef, useState } from 'react';
import type { BatchRow } from '@/lib/batches/types';
import { useHold, useLive } from '../live';
import { useDenials } from '../permissions';
import { buttonClass } from '../ui/button';
import { Icon } from '../ui/icon';
import { type BatchActed, RetryDialog } from './retry-dialog';

/** The row's menu of a batch. Without JavaScript it is a link to the confirmation page. */
export function BatchMenu({ batch, discarded, onActed }: { batch: BatchRow; discarded: number; onActed: (acted: BatchActed) => void }) {
  const t = useTranslations();
  const { basePath } = useLive();
  const denied = useDenials()['batch.retry'];
  const [open, setOpen] = useState(false);
  const [asking, setAsking] = useState(false);
  const trigger = useRef<HTMLButtonElement>(null);
  useHold(open);
  const reason = denied ?? (batch.discardedAt || discarded > 0 ? null : 'noDiscarded');
  return (
    <>
      {!reason && (
        <a href={`${basePath}/batches/${batch.id}/retry`} className={`${buttonClass('quiet')} no-js-only`} aria-label={t('batches.menu', { id: batch.id })}>
          <Icon name="more" />
        </a>
      )}
      <Menu.Root modal={false} open={open} onOpenChange={setOpen}>
        <Menu.Trigger ref={trigger} className={`${buttonClass('quiet')} js-only px-1.5`} aria-label={t('batches.menu', { id: batch.id })}>
          <Icon name="more" />
        </Menu.Trigger>
        <Menu.Portal>
          <Menu.Content align="end" sideOffset={4} collisionPadding={8} className="z-40 min-w-52 rounded-md border border-line-strong bg-raised p-1 shadow-lg">
            <Menu.Item disabled={reason !== null} onSelect={() => setAsking(true)} className={`cursor-pointer rounded px-2.5 py-1.5 outline-none data-[disabled]:cursor-default data-[highlighted]:bg-accent-wash ${reason ? 'text-soft' : ''}`}>
              {t('actions.batch_retry.menu')}
              {reason && <span className="block text-[12.5px]">{t(`actions.why.${reason}`)}</span>}
            </Menu.Item>
          </Menu.Content>
        </Menu.Portal>
      </Menu.Root>
      {asking && <RetryDialog batch={batch} returnTo={trigger} onActed={onActed} onClose={() => setAsking(false)} />}
    </>
  );
}
