import { useFormatter, useTranslations } from 'next-intl';
import type { Performance } from '@/lib/performance/filters';
import { AbsoluteTime } from '../absolute-time';
import { useCount } from '../quantities';
import { Banner } from '../ui/banner';

/** The period, the sampling of its numbers, and an index that would speed them up. */
export function AccuracyNote({
  performance: { period, now, before, hint },
}: {
  performance: Performance;
}) {
  const t = useTranslations('performance');
  const format = useFormatter();
  const count = useCount();
  const { accuracy } = now;
  return (
    <div className="mb-3 flex flex-col gap-2">
      <p className="text-sm text-soft" data-accuracy={accuracy.kind}>
        {t.rich('period', {
          from: () => <AbsoluteTime iso={period.from} />,
          to: () => <AbsoluteTime iso={period.to} />,
        })}{' '}
        {accuracy.kind === 'sample' &&
          t('sample', {
            number: count(accuracy.scanned),
            share: format.number(accuracy.share, { style: 'percent', maximumSignificantDigits: 2 }),
          })}
        {accuracy.kind === 'exact' && before.accuracy.kind === 'sample' && t('beforeSampled')}
      </p>
      {accuracy.kind === 'unknown' && <Banner tone="warning">{t('unknown')}</Banner>}
      {hint && (
        <Banner tone="info">
          <p>{t('hint')}</p>
          <p className="mt-1 font-mono text-sm any-break">{hint}</p>
        </Banner>
      )}
    </div>
  );
}
