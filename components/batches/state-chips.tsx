'use client';

import { useTranslations } from 'next-intl';
import type { BatchProgress, BatchRow, BatchStatus } from '@/lib/batches/types';
import type { JobState } from '@/lib/good-job/types';
import { STATE_CLASSES } from '../jobs/state-badge';
import { Link } from '../link';
import { useCount } from '../quantities';
import { PROGRESS_ORDER } from './progress-bar';
import { useBatchStatus } from './use-batch-status';

/** Links that filter the batch's jobs by state; without `counts` no numbers are shown. */
export function StateChips({
  hrefOf,
  counts,
  total,
  current,
}: {
  hrefOf: (state: JobState | null) => string;
  counts: BatchProgress['states'];
  /** Null: no chip for all states. */
  total: number | null;
  /** Undefined: none of the chips is current. */
  current: JobState | null | undefined;
}) {
  const t = useTranslations();
  const count = useCount();
  const states = total === null ? PROGRESS_ORDER : [null, ...PROGRESS_ORDER];
  return (
    <ul aria-label={t('batch.jobsByState')} className="flex flex-wrap gap-1.5">
      {states.map((state) => {
        const number = state === null ? total : counts?.[state];
        const isCurrent = current !== undefined && current === state;
        return (
          <li key={state} className={total === null && number === 0 ? 'max-sm:hidden' : ''}>
            <Link
              href={hrefOf(state)}
              prefetch={false}
              aria-current={isCurrent ? 'true' : undefined}
              className={
                'inline-flex min-h-7 items-center gap-1.5 rounded-full border px-2.5 ' +
                'whitespace-nowrap no-underline hover:border-line-strong ' +
                (isCurrent
                  ? 'border-accent bg-accent-wash font-medium text-accent'
                  : `border-line bg-raised ${number === 0 ? 'text-faint' : 'text-ink'}`)
              }
            >
              {state && (
                <span aria-hidden="true" className={`dot ${STATE_CLASSES[state].swatch}`} />
              )}
              {t(`states.${state ?? 'all'}`)}
              {counts && number != null ? ` ${count(number)}` : ''}
            </Link>
          </li>
        );
      })}
    </ul>
  );
}

/** The state filter of the batch's jobs, with the numbers of the batch's polled status. */
export function BatchStateFilter({
  batch,
  initial,
  hrefs,
  current,
  hasSearch,
}: {
  batch: BatchRow;
  initial: BatchStatus | null;
  /** By state; `all` for all states. */
  hrefs: Record<JobState | 'all', string>;
  current: JobState | null | undefined;
  /** A search is active, so the numbers of the whole batch do not apply. */
  hasSearch: boolean;
}) {
  const { data } = useBatchStatus(batch.id, initial, false);
  const progress = data?.progress;
  return (
    <StateChips
      hrefOf={(state) => hrefs[state ?? 'all']}
      counts={hasSearch ? null : (progress?.states ?? null)}
      total={progress?.total ?? 0}
      current={current}
    />
  );
}
