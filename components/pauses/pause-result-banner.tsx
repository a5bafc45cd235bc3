import type { Params } from '@/lib/core/search-params';
import { ActionResultBanner } from '../action-result-banner';
import { usePauseOutcomeText } from './pause-outcome';

/** The result of a pause or unpause without JavaScript. */
export function PauseResultBanner({ params }: { params: Params }) {
  const pauseText = usePauseOutcomeText();
  const did = params.get('did');
  const outcome = params.get('outcome');
  const action = (['pause', 'unpause'] as const).find((name) => name === did);
  if (!action || !outcome) return null;
  const text = pauseText(action, outcome, params.get('name') ?? '');
  return <ActionResultBanner isDone={outcome === 'done'} text={text} />;
}
