import { useTranslations } from 'next-intl';
import { type BulkSample, OUTCOMES, type OutcomeCounts, MAX_SAMPLES } from '@/lib/bulk/types';
import { Link } from '../link';
import { useCount } from '../quantities';

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
