import { useFormatter, useTranslations } from 'next-intl';
import type { ReactNode } from 'react';
import type { JobDetail, TooLarge } from '@/lib/jobs/types';
import { Link } from '../navigation';
import { JsonBlock } from '../ui/code';
import { TooLargeNote } from './omitted-text';

/** The element whose text is the arguments as JSON; absent for a job without arguments. */
export const ARGUMENTS_ID = 'arguments-json';

/** Whether a job has arguments that are on its page. */
export const hasArgumentsText = ({ argumentsJson: json }: JobDetail): boolean =>
  json !== null && json !== '[]' && json !== 'null';

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
  if (!hasArgumentsText(job)) return <p className="text-soft">{t('noArguments')}</p>;
  if (tree)
    return (
      <>
        {tree}
        <details className="mt-2">
          <summary className="text-soft">{t('argumentsJson')}</summary>
          <JsonBlock id={ARGUMENTS_ID} text={json} label={t('arguments')} />
        </details>
      </>
    );
  return (
    <>
      <JsonBlock id={ARGUMENTS_ID} text={json} label={t('arguments')} />
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

interface OmittedNoteProps {
  tooLarge: TooLarge | undefined;
  /** Whether this already is the "show all" page, for which the text is too large as well. */
  isWhole: boolean;
  jobId: string;
  /** Link to the page with the complete text. */
  showAllHref: string;
}

/** Replaces an omitted text: the reason, and a link to the complete text. */
export function OmittedNote({ tooLarge, isWhole, jobId, showAllHref }: OmittedNoteProps) {
  const t = useTranslations('job');
  if (!tooLarge) return null;
  return (
    <div className="flex flex-wrap items-center gap-x-3 text-sm">
      <TooLargeNote tooLarge={tooLarge} />
      {isWhole ? (
        <>
          <span className="text-soft">{t('tooLargeForPage')}</span>{' '}
          <Link href={`/jobs/${jobId}/reveal#download`} prefetch={false}>
            {t('download')}
          </Link>
        </>
      ) : (
        <Link href={showAllHref} prefetch={false}>
          {t('showAllTexts')}
        </Link>
      )}
    </div>
  );
}

/** The text of an error, scrollable. */
export function ErrorText({ id, text, label }: { id?: string; text: string; label: string }) {
  return (
    <div
      id={id}
      tabIndex={0}
      role="group"
      aria-label={label}
      className={
        'max-h-60 overflow-auto rounded-md bg-danger-wash px-3 py-2 font-mono text-sm ' +
        'break-words whitespace-pre-wrap any-break'
      }
    >
      {text}
    </div>
  );
}
