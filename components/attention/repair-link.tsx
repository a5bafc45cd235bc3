'use client';

import { type RepairTarget, repairParams } from '@/lib/attention/types';
import { useHref } from '../application';
import { useDenials } from '../permissions';
import { buttonClass } from '../ui/button';
import { DeniedButton } from './denied-button';
import { REPAIR_PERMISSIONS } from './repair-rules';

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
