'use client';

import { Notice } from '../notice';
import { Banner } from '../ui/banner';
import { useCronText } from './cron-outcome';

/** What an action without JavaScript came to: the confirmation page sends it back in the URL, as codes only. */
export function CronNotice({ did, outcome }: { did: string | null; outcome: string | null }) {
  const text = useCronText();
  const action = (['enable', 'disable', 'enqueue'] as const).find((one) => one === did);
  const said = action && outcome ? text(action, outcome) : null;
  if (!said) return null;
  return (
    <Notice>
      <Banner tone={outcome === 'done' ? 'info' : 'warning'} role="status">
        {said}
      </Banner>
    </Notice>
  );
}
