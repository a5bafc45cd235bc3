'use client';

import * as Menu from '@radix-ui/react-dropdown-menu';
import { useTranslations } from 'next-intl';
import { useState } from 'react';
import { type BulkAction, permissionOf } from '@/lib/bulk/types';
import { DESTRUCTIVE } from '../jobs/action-rules';
import { useHold } from '../live';
import { useBulkRuns, useDenials } from '../permissions';
import { buttonClass } from '../ui/button';
import { Icon } from '../ui/icon';

/** In the order of a job's own menu: what helps first, what destroys last. */
const ACTIONS = ['retry', 'reschedule', 'discard', 'destroy'] as const;

/** `everything`: the menu is for all that matches, which takes a run and so the console's own schema. */
export function BulkMenu({ label, everything = false, onChoose }: { label: string; everything?: boolean; onChoose: (action: BulkAction) => void }) {
  const t = useTranslations();
  const denials = useDenials();
  const runs = useBulkRuns();
  const [open, setOpen] = useState(false);
  useHold(open);
  return (
    <Menu.Root modal={false} open={open} onOpenChange={setOpen}>
      <Menu.Trigger className={buttonClass()}>
        {label}
        <Icon name="unfold" />
      </Menu.Trigger>
      <Menu.Portal>
        <Menu.Content align="start" sideOffset={4} collisionPadding={8} className="z-40 min-w-52 max-w-80 rounded-md border border-line-strong bg-raised p-1 shadow-lg">
          {ACTIONS.map((action) => {
            const denied = denials[permissionOf(action)];
            const reason = denied ? t(`actions.why.${denied}`) : everything && !runs ? t('bulk.needsSchema') : null;
            return (
              <Menu.Item
                key={action}
                disabled={reason !== null}
                onSelect={() => onChoose(action)}
                className={`cursor-pointer rounded px-2.5 py-1.5 outline-none data-[disabled]:cursor-default data-[highlighted]:bg-accent-wash ${reason ? 'text-soft' : DESTRUCTIVE.has(action) ? 'text-danger' : ''}`}
              >
                {t(`actions.${action}.menu`)}
                {reason && <span className="block text-[12.5px]">{reason}</span>}
              </Menu.Item>
            );
          })}
        </Menu.Content>
      </Menu.Portal>
    </Menu.Root>
  );
}
