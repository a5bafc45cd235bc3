import { useTranslations } from 'next-intl';
import {
  type BulkSample,
  MAX_SAMPLES,
  type OutcomeCounts,
  type OutcomeName,
  OUTCOMES,
  type RetryCounts as Counts,
  type RunState,
} from '@/lib/bulk/types';
import { Link } from '../navigation';
import { useCount } from '../quantities';
import { Icon, type IconName } from '../ui/icon';

const STATE_STYLES: Record<RunState, { icon: IconName; className: string }> = {
  running: { icon: 'running', className: 'bg-running-wash text-running' },
  interrupted: { icon: 'warning', className: 'bg-warn-wash text-warn' },
  paused: { icon: 'paused', className: 'bg-warn-wash text-warn' },
  cancelled: { icon: 'discarded', className: 'bg-queued-wash text-queued' },
  refused: { icon: 'warning', className: 'bg-danger-wash text-danger' },
  finished: { icon: 'succeeded', className: 'bg-succeeded-wash text-succeeded' },
};

/** The state of a bulk run. */
export function RunStateBadge({ state }: { state: RunState }) {
  const t = useTranslations('bulk.states');
  return (
    <span className={`badge ${STATE_STYLES[state].className}`}>
      <Icon name={STATE_STYLES[state].icon} className="size-3.5" />
      {t(state)}
    </span>
  );
}

const OUTCOME_STYLES: Record<OutcomeName, { icon: IconName; className: string }> = {
  done: { icon: 'succeeded', className: 'text-succeeded' },
  conflict: { icon: 'warning', className: 'text-warn' },
  locked: { icon: 'running', className: 'text-warn' },
  missing: { icon: 'discarded', className: 'text-soft' },
  refused: { icon: 'warning', className: 'text-danger' },
};

/** Job counts by outcome, without those that are zero, except `done`. */
export function BulkTotals({ counts }: { counts: OutcomeCounts }) {
  const t = useTranslations('bulk.outcomes');
  const count = useCount();
  return (
    <ul className="flex flex-wrap gap-x-4 gap-y-1">
      {OUTCOMES.filter((outcome) => outcome === 'done' || (counts[outcome] ?? 0) > 0).map(
        (outcome) => (
          <li
            key={outcome}
            data-outcome={outcome}
            className={`inline-flex items-center gap-1 ${OUTCOME_STYLES[outcome].className}`}
          >
            <Icon name={OUTCOME_STYLES[outcome].icon} className="size-3.5" />
            {t(outcome)} <strong>{count(counts[outcome] ?? 0)}</strong>
          </li>
        ),
      )}
    </ul>
  );
}

const PARTS = ['retried', 'succeeded', 'failed', 'waiting', 'removed'] as const;

/** What became of the jobs that a run has retried; only failures are coloured. */
export function RetryCounts({ counts }: { counts: Counts }) {
  const t = useTranslations('bulk.retries');
  const count = useCount();
  return (
    <ul aria-label={t('label')} className="flex flex-wrap gap-x-3 gap-y-1 text-sm">
      {PARTS.filter((part) => part !== 'removed' || counts.removed > 0).map((part) => (
        <li
          key={part}
          data-retries={part}
          className={part === 'failed' && counts.failed > 0 ? 'text-danger' : 'text-soft'}
        >
          {t(part, { number: count(counts[part]) })}
        </li>
      ))}
    </ul>
  );
}

/** The first MAX_SAMPLES jobs of each outcome other than `done`, linked. */
export function OutcomeSamples({
  counts,
  samples,
}: {
  counts: OutcomeCounts;
  samples: BulkSample[];
}) {
  const t = useTranslations();
  const count = useCount();
  return (
    <>
      {OUTCOMES.filter((outcome) => samples.some((sample) => sample.outcome === outcome)).map(
        (outcome) => {
          const jobs = samples.filter((sample) => sample.outcome === outcome);
          const total = counts[outcome] ?? jobs.length;
          return (
            <details key={outcome} open={jobs.length <= 20} className="mt-3" data-samples={outcome}>
              <summary className="font-semibold">
                {t(`bulk.outcomes.${outcome}`)} {count(total)}
              </summary>
              {outcome !== 'done' && outcome !== 'refused' && (
                <p className="mt-1 text-sm">{t(`bulk.hints.${outcome}`)}</p>
              )}
              {total > MAX_SAMPLES && (
                <p className="mt-1 text-sm text-soft">
                  {t('bulk.firstOf', { number: count(MAX_SAMPLES) })}
                </p>
              )}
              <ul className="mt-1 list-disc pl-5">
                {jobs.map(({ jobId, code }) => (
                  <li key={jobId}>
                    <Link
                      href={`/jobs/${jobId}`}
                      prefetch={false}
                      className="font-mono text-sm break-all text-accent"
                    >
                      {jobId}
                    </Link>
                    {code && <> {t(`outcomes.refused.${code}`)}</>}
                  </li>
                ))}
              </ul>
            </details>
          );
        },
      )}
    </>
  );
}
