import { useTranslations } from 'next-intl';
import type { TooLarge } from '@/lib/jobs/types';
import { Link } from '../link';
import { TooLargeNote } from './too-large';

interface Props {
  tooLarge: TooLarge | undefined;
  /** Whether this already is the "show all" page, for which the text is too large as well. */
  isWhole: boolean;
  jobId: string;
  /** Link to the page with the complete text. */
  showAllHref: string;
}

/** Replaces an omitted text: the reason, and a link to the complete text. */
export function OmittedNote({ tooLarge, isWhole, jobId, showAllHref }: Props) {
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
