'use client';

import { useTranslations } from 'next-intl';
import type { ComponentProps } from 'react';
import { repairParams, type RepairTarget } from '@/lib/attention/types';
import { useHref } from '../application';
import { useDenials } from '../permissions';
import { buttonClass } from '../ui/button';
import { REPAIR_PERMISSIONS } from './repair-text';

/** A link to the confirmation page, which opens a dialog instead when JavaScript runs. */
export function RepairLink({
  target,
  text,
  itemName,
  primary = false,
  backToJob = false,
  onRepair,
}: {
  target: RepairTarget;
  text: string;
  /** Name of the item, for screen readers. */
  itemName?: string;
  primary?: boolean;
  /** Without JavaScript, return to the job's page instead of /attention. */
  backToJob?: boolean;
  onRepair: (target: RepairTarget) => void;
}) {
  const href = useHref();
  const denial = useDenials()[REPAIR_PERMISSIONS[target.repair]];
  const className = buttonClass(primary ? 'primary' : 'plain');
  if (denial)
    return (
      <DeniedButton denial={denial} className={className}>
        {text}
        {itemName && <span className="sr-only"> {itemName}</span>}
      </DeniedButton>
    );
  const params = new URLSearchParams({
    ...repairParams(target),
    ...(backToJob ? { back: 'job' } : {}),
  });
  return (
    <a
      href={href(`/attention/repair?${params}`)}
      className={className}
      onClick={(event) => {
        event.preventDefault();
        onRepair(target);
      }}
    >
      {text}
      {itemName && <span className="sr-only"> {itemName}</span>}
    </a>
  );
}

type Denial = NonNullable<ReturnType<typeof useDenials>[keyof ReturnType<typeof useDenials>]>;

/** Replaces the button of an action that the viewer has no permission for, and gives the reason. */
export function DeniedButton({
  denial,
  className = buttonClass(),
  children,
}: { denial: Denial } & Pick<ComponentProps<'button'>, 'className' | 'children'>) {
  const t = useTranslations('actions.why');
  return (
    <button type="button" aria-disabled="true" title={t(denial)} className={className}>
      {children}
    </button>
  );
}
