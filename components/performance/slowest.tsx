import { useTranslations } from 'next-intl';
import { isBlankName } from '@/lib/jobs/links';
import type { Measurement } from '@/lib/performance/filters';
import { Link } from '../navigation';
import { useDuration } from '../quantities';
import { RelativeTime } from '../time';

/** The slowest executions of the scan, linked to their jobs. */
export function Slowest({ now }: { now: Measurement }) {
  const t = useTranslations('performance');
  const never = useTranslations('time')('never');
  const duration = useDuration();
  if (now.slowest.length === 0) return null;
  const cellClass = 'px-2.5 py-1.5 text-right whitespace-nowrap';
  return (
    <section aria-labelledby="slowest" className="mt-6">
      <h2 id="slowest" className="mb-1.5 text-base font-semibold">
        {t('slowest')}
      </h2>
      {now.accuracy.kind === 'sample' && (
        <p className="mb-1.5 text-sm text-soft">{t('slowestOfSample')}</p>
      )}
      <div className="overflow-x-auto card" tabIndex={0} role="group" aria-label={t('slowest')}>
        <table className="w-full border-collapse">
          <thead>
            <tr className="border-b border-line bg-sunken text-sm text-soft">
              <th scope="col" className="px-2.5 py-1.5 text-left font-normal">
                {t('execution')}
              </th>
              {(['runTime', 'waitTime', 'queue', 'began', 'result'] as const).map((key) => (
                <th key={key} scope="col" className={`${cellClass} font-normal`}>
                  {t(key)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {now.slowest.map((execution) => (
              <tr key={execution.id} className="border-b border-line last:border-0">
                <th scope="row" className="px-2.5 py-1.5 text-left font-mono text-xs font-normal">
                  <Link
                    href={`/jobs/${execution.jobId}#${execution.id}`}
                    prefetch={false}
                    data-execution={execution.id}
                    className="whitespace-nowrap text-accent"
                  >
                    {execution.jobId}
                  </Link>
                </th>
                <td className={`${cellClass} font-semibold`}>{duration(execution.run)}</td>
                <td className={cellClass}>
                  {execution.wait === null ? never : duration(execution.wait)}
                </td>
                <td className={`${cellClass} font-mono text-sm`}>
                  {isBlankName(execution.queueName) ? t('noName') : execution.queueName}
                </td>
                <td className={cellClass}>
                  <RelativeTime iso={execution.createdAt} />
                </td>
                <td className={`${cellClass} ${execution.failed ? 'text-danger' : ''}`}>
                  {t(execution.failed ? 'failed' : 'succeeded')}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </section>
  );
}
