import Link from 'next/link';
import { useTranslations } from 'next-intl';
import type { FailurePage } from '@/lib/failures/types';
import { useCount } from '../quantities';
import { AbsoluteTime } from '../absolute-time';

/** How many failures were looked at, how far back, and a way to go on. */
export function LookedNote({ page, deeperHref }: { page: FailurePage; deeperHref: string | null }) {
  const t = useTranslations('failures');
  const count = useCount();
  const sentence = page.looked === 0 ? 'lookedNone' : 'lookedCut';
  return (
    <p className="mb-2 text-[13px] text-soft" data-looked={page.looked}>
      {t.rich(page.cut ? sentence : 'looked', {
        count: page.looked,
        number: count(page.looked),
        since: () => <AbsoluteTime iso={page.since} />,
      })}
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
