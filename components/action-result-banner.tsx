import { DismissibleResult } from './dismissible';
import { Banner } from './ui/banner';

/**
 * The result of an action without JavaScript, which the confirmation page returns in the URL as
 * codes: each domain translates its own. `text` null: an unknown code, which shows nothing.
 */
export function ActionResultBanner({ isDone, text }: { isDone: boolean; text: string | null }) {
  if (text === null) return null;
  return (
    <DismissibleResult>
      <Banner tone={isDone ? 'info' : 'warning'} role="status">
        {text}
      </Banner>
    </DismissibleResult>
  );
}
