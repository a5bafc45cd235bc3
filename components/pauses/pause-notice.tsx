'use client';

import { Notice } from '../notice';
import { Banner } from '../ui/banner';
import { usePauseText } from './use-pause';

/** What an action without JavaScript came to: the confirmation page sends it back in the URL, as codes only. */
export function PauseNotice({
  did,
  outcome,
  name,
}: {
  did: string | null;
  outcome: string | null;
  name: string | null;
}) {
  const text = usePauseText();
  const action = (['pause', 'unpause'] as const).find((one) => one === did);
  const said = action && outcome ? text(action, outcome, name ?? '') : null;
  if (!said) return null;
  return (
    <Notice>
      <Banner tone={outcome === 'done' ? 'info' : 'warning'} role="status">
        {said}
      </Banner>
    </Notice>
  );
}
