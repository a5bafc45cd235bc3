'use client';

import { useTranslations } from 'next-intl';
import { repairParams } from '@/lib/attention/target';
import type { RepairTarget } from '@/lib/attention/types';
import { useLive } from '../live';
import { useDenials } from '../permissions';
import { buttonClass } from '../ui/button';
import { PERMISSION_OF } from './repair-rules';

/** A link to the confirmation page that opens a dialog instead where there is JavaScript. `of`: which one, to those who do not see the row. */
export function RepairLink({ target, text, of, primary = false, onAsk }: { target: RepairTarget; text: string; of?: string; primary?: boolean; onAsk: (target: RepairTarget) => void }) {
  const t = useTranslations('actions.why');
  const { basePath } = useLive();
  const denied = useDenials()[PERMISSION_OF[target.repair]];
  const look = buttonClass(primary ? 'primary' : 'plain');
  if (denied)
    return (
      <button type="button" aria-disabled="true" title={t(denied)} className={look}>
        {text}
        {of && <span className="sr-only"> {of}</span>}
      </button>
    );
  return (
    <a
      href={`${basePath}/attention/repair?${new URLSearchParams(repairParams(target))}`}
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
