import type { Params } from '@/lib/core/search-params';
import { ActionResultBanner } from '../action-result-banner';
import { useCronOutcomeText } from './cron-outcome';

/** The result of an action on a cron key without JavaScript. */
export function CronResultBanner({ params }: { params: Params }) {
  const cronText = useCronOutcomeText();
  const did = params.get('did');
  const outcome = params.get('outcome');
  const action = (['enable', 'disable', 'enqueue'] as const).find((name) => name === did);
  if (!action || !outcome) return null;
  return <ActionResultBanner isDone={outcome === 'done'} text={cronText(action, outcome)} />;
}
