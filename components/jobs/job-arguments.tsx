import { useFormatter, useTranslations } from 'next-intl';
import { parseJson } from '@/lib/core/json';
import type { JobDetail } from '@/lib/jobs/types';
import { Link } from '../link';
import { JsonBlock } from '../ui/json-block';
import { ArgumentTree, MAX_TREE_VALUES, countValues } from './argument-tree';
import { OmittedNote } from './omitted-note';

/**
 * The arguments as a tree, with their JSON below. A long text is JSON only, truncated, with a link
 * to all of it.
 */
export function JobArguments({ job }: { job: JobDetail }) {
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
  const isComplete = json.length === total;
  const tree = isComplete ? parseJson(json) : null;
  if (tree && countValues(tree) <= MAX_TREE_VALUES)
    return (
      <>
        <ArgumentTree json={tree} />
        <details className="mt-2">
          <summary className="text-soft">{t('argumentsJson')}</summary>
          <JsonBlock text={json} label={t('arguments')} />
        </details>
      </>
    );
  return (
    <>
      <JsonBlock text={json} label={t('arguments')} />
      {!isComplete && (
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
