import Link from 'next/link';
import { useFormatter, useTranslations } from 'next-intl';
import type { JobDetail } from '@/lib/jobs/types';
import { JsonBlock } from '../ui/json-block';
import { UnreadNote } from './unread-note';

/** The arguments as a reader would write them; a long text is cut, with a link to all of it. */
export function JobArguments({ job }: { job: JobDetail }) {
  const t = useTranslations('job');
  const format = useFormatter();
  const { argumentsJson: json, argumentsLength: total } = job;
  const all = `/jobs/${job.id}?all=1#arguments`;
  if (json === null)
    return (
      <UnreadNote tooLarge={job.tooLarge} isWhole={job.isWhole} jobId={job.id} showAll={all} />
    );
  if (json === '[]' || json === 'null') return <p className="text-soft">{t('noArguments')}</p>;
  return (
    <>
      <JsonBlock text={json} label={t('arguments')} />
      {json.length < total && (
        <p className="mt-1 text-[13px]">
          {t('cut', { shown: format.number(json.length), total: format.number(total) })}{' '}
          <Link href={all} prefetch={false}>
            {t('showAll', { size: format.number(total) })}
          </Link>
        </p>
      )}
    </>
  );
}
