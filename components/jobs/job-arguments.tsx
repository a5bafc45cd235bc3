import { useFormatter, useTranslations } from 'next-intl';
import type { ReactNode } from 'react';
import type { JobDetail } from '@/lib/jobs/types';
import { Link } from '../link';
import { JsonBlock } from '../ui/json-block';
import { OmittedNote } from './omitted-note';

/**
 * The arguments as a tree with their JSON folded below, or without a tree (`ArgumentTree`, which
 * the server renders) as JSON; a long text is truncated, with a link to all of it.
 */
export function JobArguments({ job, tree }: { job: JobDetail; tree?: ReactNode }) {
  const t = useTranslations('job');
  const format = useFormatter();
  const { argumentsJson: json, argumentsLength: total } = job;
  const allHref = `/jobs/${job.id}?all=1#arguments`;
  if (json === null)
    return (
      <OmittedNote
        tooLarge={job.tooLarge}
        isWhole={job.isWhole}
        jobId={job.id}
        showAllHref={allHref}
      />
    );
  if (json === '[]' || json === 'null') return <p className="text-soft">{t('noArguments')}</p>;
  if (tree)
    return (
      <>
        {tree}
        <details className="mt-2">
          <summary className="text-soft">{t('argumentsJson')}</summary>
          <JsonBlock text={json} label={t('arguments')} />
        </details>
      </>
    );
  return (
    <>
      <JsonBlock text={json} label={t('arguments')} />
      {json.length < total && (
        <p className="mt-1">
          {t('cut', { shown: format.number(json.length), total: format.number(total) })}{' '}
          <Link href={allHref} prefetch={false}>
            {t('showAll', { size: format.number(total) })}
          </Link>
        </p>
      )}
    </>
  );
}
