import { useTranslations } from 'next-intl';
import { FAILURE_RANGES, type FailurePage, type FailureRange } from '@/lib/failures/filters';
import { AbsoluteTime } from '../absolute-time';
import { Link } from '../link';
import { useCount } from '../quantities';
import { timeBefore } from './failure-links';

/** The number of failures in the period, how far the scan reached, and a link to scan further. */
export function FailureScanNote({
  page,
  range,
  deeperHref,
}: {
  page: FailurePage;
  range: FailureRange;
  deeperHref: string | null;
}) {
  const t = useTranslations('failures');
  const count = useCount();
  const isPeriodCut = page.isPartial && page.since > timeBefore(page.now, FAILURE_RANGES[range]);
  const cutMessage = page.scanned === 0 ? 'scannedNone' : 'scannedCut';
  return (
    <p className="mb-2 text-sm text-soft" data-scanned={page.scanned}>
      {t.rich(isPeriodCut ? cutMessage : 'scanned', {
        period: t(`ranges.${range}`),
        count: page.countInRange,
        number: count(page.countInRange),
        since: () => <AbsoluteTime iso={page.since} />,
      })}
      {page.scanned > 0 && (page.isPartial || page.until !== null) && <> {t('plus')}</>}
      {page.until !== null && (
        <> {t.rich('waitingUntil', { until: () => <AbsoluteTime iso={page.until ?? ''} /> })}</>
      )}
      {deeperHref && (
        <>
          {' '}
          <Link href={deeperHref} prefetch={false} className="text-accent">
            {t('deeper')}
          </Link>
        </>
      )}
    </p>
  );
}
