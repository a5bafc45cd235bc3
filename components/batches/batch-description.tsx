import { useTranslations } from 'next-intl';
import type { BatchRow } from '@/lib/batches/types';
import { TooLarge } from '../too-large';

/** The description of a batch; `clamp` is the class that limits its lines. */
export function BatchDescription({
  batch,
  clamp = 'line-clamp-3',
}: {
  batch: Pick<BatchRow, 'description' | 'tooLarge'>;
  clamp?: string;
}) {
  const t = useTranslations('batches');
  if (batch.tooLarge && batch.description !== null) return <TooLarge />;
  if (!batch.description?.trim()) return t('noDescription');
  return <span className={clamp}>{batch.description}</span>;
}
