import { useFormatter, useTranslations } from 'next-intl';
import { failureParams } from '@/lib/failures/filters';
import type { SameCause } from '@/lib/failures/queries';
import { isBlankName } from '@/lib/jobs/links';
import type { JobDetail } from '@/lib/jobs/types';
import { CopyButton } from '../copy-button';
import { Link } from '../navigation';
import { useCountText } from '../quantities';
import { AbsoluteTime } from '../time';
import { ErrorText } from './job-text';

/** The class name of a Ruby exception, which GoodJob writes before its message. */
const EXCEPTION = /^([A-Z]\w{0,99}(?:::[A-Z]\w{0,99}){0,9})(?:: |$)/;

const MESSAGE_ID = 'error-message';

/** The error of a job: class, message, the top frame of the app, and failures like it. */
export function JobError({
  job,
  text,
  frame,
  sameCause,
}: {
  job: JobDetail;
  text: string;
  frame: string | null;
  sameCause: SameCause | null;
}) {
  const t = useTranslations();
  const format = useFormatter();
  const [prefix, name] = EXCEPTION.exec(text) ?? ['', null];
  const message = text.slice(prefix.length);
  return (
    <section aria-labelledby="error" className="card px-4 py-3">
      <div className="flex flex-wrap items-center justify-between gap-x-3">
        <h2 id="error" className="card-title">
          <ErrorHeading job={job} />
        </h2>
        <CopyButton text={prefix} sourceId={MESSAGE_ID} label={t('jobs.error')} />
      </div>
      {name && <p className="font-mono font-semibold text-danger any-break">{name}</p>}
      {message.trim() !== '' && (
        <div className="mt-1">
          <ErrorText id={MESSAGE_ID} text={message} label={t('jobs.error')} />
        </div>
      )}
      {text.length < job.errorLength && (
        <p className="mt-1">
          {t('job.cutError', {
            shown: format.number(text.length),
            total: format.number(job.errorLength),
          })}{' '}
          <Link href={`/jobs/${job.id}?all=1`} prefetch={false}>
            {t('job.showAllTexts')}
          </Link>
        </p>
      )}
      {frame !== null && (
        <p className="mt-2 font-mono text-xs text-soft any-break" data-frame="">
          {frame}
        </p>
      )}
      {sameCause && <SameCauseLink job={job} sameCause={sameCause} />}
    </section>
  );
}

/** A retried job keeps its error until the next attempt ends. */
function ErrorHeading({ job: { state, errorAttempt } }: { job: JobDetail }) {
  const t = useTranslations();
  if (!errorAttempt) return t(state === 'discarded' ? 'jobs.error' : 'job.errorBeforeRetry');
  return (
    <>
      {t('job.errorOfAttempt', { number: errorAttempt.number ?? '?' })}{' '}
      {state !== 'discarded' && (
        <span className="font-normal text-soft">
          <AbsoluteTime iso={errorAttempt.at} />
        </span>
      )}
    </>
  );
}

const MAX_CLASS_CHARS = 300;

function SameCauseLink({ job, sameCause }: { job: JobDetail; sameCause: SameCause }) {
  const t = useTranslations('job');
  const countText = useCountText();
  const { fingerprint, range, count, isPartial } = sameCause;
  const { text } = countText({ kind: isPartial ? 'at_least' : 'exact', count });
  const isFilter = !isBlankName(job.jobClass) && (job.jobClass ?? '').length < MAX_CLASS_CHARS;
  const params = failureParams({
    by: 'failure',
    range,
    jobClass: isFilter ? job.jobClass : null,
    group: fingerprint,
    deep: false,
    page: 1,
    notUnderstood: [],
  });
  return (
    <p className="mt-2">
      <Link
        href={`/cleaner?${new URLSearchParams(params)}#${fingerprint}`}
        prefetch={false}
        className="text-accent"
      >
        {t('sameCause', { count, number: text })} →
      </Link>
    </p>
  );
}
