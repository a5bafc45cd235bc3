import Link from 'next/link';
import { useTranslations } from 'next-intl';
import { FAILURE_RANGES, type FailurePage, type FailureRange } from '@/lib/failures/filters';
import { AbsoluteTime } from '../absolute-time';
import { useCount } from '../quantities';
import { before } from './failure-links';

/** How many failures the chosen period has, how far back they were read where that is less, and a way to read more. */
export function LookedNote({
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
  const isCutInside = page.cut && page.since > before(page.now, FAILURE_RANGES[range]);
  const sentence = page.looked === 0 ? 'lookedNone' : 'lookedCut';
  return (
    <p className="mb-2 text-[13px] text-soft" data-looked={page.looked}>
      {t.rich(isCutInside ? sentence : 'looked', {
        period: t(`ranges.${range}`),
        count: page.inPeriod,
        number: count(page.inPeriod),
        since: () => <AbsoluteTime iso={page.since} />,
      })}
      {page.looked > 0 && (page.cut || page.until !== null) && <> {t('plus')}</>}
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
