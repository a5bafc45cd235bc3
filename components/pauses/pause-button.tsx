'use client';

import { useTranslations } from 'next-intl';
import { useHref } from '../application';
import { useDenials } from '../permissions';
import { buttonClass } from '../ui/button';
import { LinkButton } from '../ui/link-button';
import type { PauseAction } from './pause-outcome';
import type { PauseTarget } from './use-pause';

/** Opens the dialog of a pause or unpause; without JavaScript the link opens the same form. */
export function PauseButton({
  action,
  target: { kind, name },
  text,
  from = 'pauses',
  isQuiet = false,
  onPress,
}: {
  action: PauseAction;
  target: PauseTarget;
  text: string;
  /** The page to which the form returns. */
  from?: 'pauses' | 'queues';
  isQuiet?: boolean;
  onPress: () => void;
}) {
  const t = useTranslations('actions.why');
  const href = useHref();
  const denial = useDenials()[`pause.${action}`];
  const params = new URLSearchParams({ type: kind, value: name, back: from });
  return (
    <LinkButton
      href={href(`/pauses/${action}?${params}`)}
      aria-disabled={denial ? true : undefined}
      title={denial ? t(denial) : `${text} ${name}`}
      className={buttonClass(isQuiet ? 'quiet' : 'plain')}
      onPress={() => {
        if (!denial) onPress();
      }}
    >
      {text}
      <span className="sr-only"> {name}</span>
    </LinkButton>
  );
}
