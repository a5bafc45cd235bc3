import { useTranslations } from 'next-intl';
import { currentApplication } from '@/lib/context/request-context';
import { href } from '@/lib/core/href';
import { JOB_STATES } from '@/lib/good-job/types';
import { type JobFilter, paramValue } from '@/lib/jobs/filters';
import { Link } from '../link';
import { Button, buttonClass } from '../ui/button';

/** Filters the jobs of a batch: a plain GET form, so that it works without JavaScript. */
export function BatchJobsFilter({ batchId, filter }: { batchId: string; filter: JobFilter }) {
  const t = useTranslations();
  return (
    <form
      action={href(currentApplication(), `/batches/${batchId}#batched-jobs`)}
      aria-label={t('filter.label')}
      className="mb-3 flex flex-wrap items-end gap-2"
    >
      <label className="flex flex-col gap-0.5">
        <span className="text-sm text-soft">{t('jobs.state')}</span>
        <select name="state" defaultValue={filter.state ?? ''} className="control">
          <option value="">{t('states.all')}</option>
          {JOB_STATES.map((state) => (
            <option key={state} value={state}>
              {t(`states.${state}`)}
            </option>
          ))}
        </select>
      </label>
      <label className="flex min-w-0 flex-1 flex-col gap-0.5 sm:max-w-80">
        <span className="text-sm text-soft">{t('jobs.class')}</span>
        <input
          name="job_class"
          defaultValue={paramValue(filter, 'job_class') ?? ''}
          autoComplete="off"
          spellCheck={false}
          className="control w-full font-mono"
        />
      </label>
      <Button type="submit">{t('filter.apply')}</Button>
      {(filter.state || filter.terms.length > 0) && (
        <Link href={`/batches/${batchId}`} prefetch={false} className={buttonClass('quiet')}>
          {t('filter.clear')}
        </Link>
      )}
    </form>
  );
}
