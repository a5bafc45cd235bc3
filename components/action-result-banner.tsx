import type { ReactNode } from 'react';
import { DismissibleResult } from './dismissible';
import { Banner } from './ui/banner';

/**
 * The result of an action that ran without JavaScript. The confirmation page returns it in the URL
 * as a code, which the caller translates to `text`; null (an unknown code) renders nothing.
 */
export function ActionResultBanner({ isDone, text }: { isDone: boolean; text: ReactNode }) {
  if (text === null) return null;
  return (
    <DismissibleResult>
      <Banner tone={isDone ? 'info' : 'warning'} role="status">
        {text}
      </Banner>
    </DismissibleResult>
  );
}
