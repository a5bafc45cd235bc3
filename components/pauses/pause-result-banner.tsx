import type { Params } from '@/lib/core/search-params';
import { isStoredTime } from '@/lib/core/text';
import { ActionResultBanner } from '../action-result-banner';
import { isPauseChanged, usePauseOutcomeText } from './pause-outcome';

/** The result of a pause or unpause without JavaScript. */
export function PauseResultBanner({ params }: { params: Params }) {
  const pauseText = usePauseOutcomeText();
  const did = params.get('did');
  const outcome = params.get('outcome');
  const ends = params.get('ends');
  const action = (['pause', 'unpause'] as const).find((name) => name === did);
  if (!action || !outcome) return null;
  const endsAt = ends && isStoredTime(ends) ? ends : null;
  const text = pauseText(action, outcome, params.get('name') ?? '', endsAt);
  return <ActionResultBanner isDone={isPauseChanged(outcome)} text={text} />;
}
