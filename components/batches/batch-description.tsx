import { useTranslations } from 'next-intl';
import type { BatchRow } from '@/lib/batches/types';
import { TooLarge } from '../too-large';

/** What names a batch to a reader. */
export function BatchDescription({ batch }: { batch: Pick<BatchRow, 'description' | 'tooLarge'> }) {
  const t = useTranslations('batches');
  if (batch.tooLarge && batch.description !== null) return <TooLarge />;
  return batch.description || t('noDescription');
}
