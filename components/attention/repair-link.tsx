'use client';

import { type RepairTarget, repairParams } from '@/lib/attention/types';
import { useLive } from '../live';
import { useDenials } from '../permissions';
import { buttonClass } from '../ui/button';
import { DeniedButton } from './denied-button';
import { PERMISSION_OF } from './repair-rules';

/** A link to the confirmation page that opens a dialog instead where there is JavaScript. `of`: which one, to those who do not see the row. */
export function RepairLink({
  target,
  text,
  of,
  primary = false,
  backToJob = false,
  onAsk,
}: {
  target: RepairTarget;
  text: string;
  of?: string;
  primary?: boolean;
  /** Without JavaScript the repair ends on the page of the job and not on /attention. */
  backToJob?: boolean;
  onAsk: (target: RepairTarget) => void;
}) {
  const { basePath } = useLive();
  const denied = useDenials()[PERMISSION_OF[target.repair]];
  const look = buttonClass(primary ? 'primary' : 'plain');
  if (denied)
    return (
      <DeniedButton why={denied} className={look}>
        {text}
        {of && <span className="sr-only"> {of}</span>}
      </DeniedButton>
    );
  return (
    <a
      href={`${basePath}/attention/repair?${new URLSearchParams({ ...repairParams(target), ...(backToJob ? { back: 'job' } : {}) })}`}
      className={look}
      onClick={(event) => {
        event.preventDefault();
        onAsk(target);
      }}
    >
      {text}
      {of && <span className="sr-only"> {of}</span>}
    </a>
  );
}
