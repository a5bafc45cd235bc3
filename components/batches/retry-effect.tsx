import { useTranslations } from 'next-intl';
import type { BatchRow } from '@/lib/batches/types';
import { useCount } from '../quantities';
import { BatchDescription } from './batch-summary';

/**
 * The effect of a batch retry, shared by the dialog and the confirmation page. `discarded` is the
 * number of jobs to retry; null if it was not counted.
 */
export function RetryEffect({ batch, discarded }: { batch: BatchRow; discarded: number | null }) {
  const t = useTranslations();
  const count = useCount();
  const callbacks = (
    [
      ['on_success', batch.onSuccess],
      ['on_finish', batch.onFinish],
      ['on_discard', batch.onDiscard],
    ] as const
  ).filter(([, name]) => name?.trim());
  return (
    <>
      {discarded !== null && discarded > 0 && (
        <p className="mt-2 font-medium">
          {t('actions.batch_retry.count', { count: discarded, number: count(discarded) })}
        </p>
      )}
      <p className="mt-2">{t('actions.batch_retry.effect')}</p>
      <p className="mt-3">
        {t(
          callbacks.length > 0
            ? 'actions.batch_retry.callbacks'
            : 'actions.batch_retry.noCallbacks',
        )}
      </p>
      {callbacks.length > 0 && (
        <ul className="mt-1 list-disc pl-5 font-mono text-sm">
          {callbacks.map(([event, name]) => (
            <li key={event} className="any-break">
              {event}: {name}
              {event === 'on_discard' && (
                <span className="font-sans text-soft"> {t('actions.batch_retry.ifDiscarded')}</span>
              )}
            </li>
          ))}
        </ul>
      )}
      <p className="mt-3 rounded-md bg-sunken px-3 py-2">
        <span className="block text-sm text-soft">{t('actions.targetBatch')}</span>
        <span className="block font-semibold any-break">
          <BatchDescription batch={batch} />
        </span>
        <span className="block font-mono text-xs break-all text-soft">{batch.id}</span>
      </p>
    </>
  );
}
