import Link from 'next/link';
import { useFormatter, useTranslations } from 'next-intl';
import type { JobDetail } from '@/lib/jobs/types';
import { JsonBlock } from '../ui/json-block';

/** The arguments as a reader would write them; a long one is cut, with a link to all of it. */
export function JobArguments({ job }: { job: JobDetail }) {
  const t = useTranslations('job');
  const format = useFormatter();
  if (job.argumentsJson === '[]' || job.argumentsJson === 'null')
    return <p className="text-soft">{t('noArguments')}</p>;
  const total = job.argumentsLength;
  return (
    <>
      <JsonBlock text={job.argumentsJson} label={t('arguments')} />
      {job.argumentsJson.length < total && (
        <p className="mt-1 text-[13px]">
          {t('cut', {
            shown: format.number(job.argumentsJson.length),
            total: format.number(total),
          })}{' '}
          <Link href={`/jobs/${job.id}?all=1#arguments`} prefetch={false}>
            {t('showAll', { size: format.number(total) })}
          </Link>
        </p>
      )}
    </>
  );
}
