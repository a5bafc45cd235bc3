import Link from 'next/link';
import { useTranslations } from 'next-intl';
import type { TooLarge } from '@/lib/jobs/types';
import { TooLargeNote } from './too-large';

interface Props {
  tooLarge: TooLarge | undefined;
  /** "Show all" was tried: the text is larger than a page shows. */
  isWhole: boolean;
  jobId: string;
  /** The page that shows all of it. */
  showAll: string;
}

/** In the place of a text that was not read: why, and where it can be had. */
export function UnreadNote({ tooLarge, isWhole, jobId, showAll }: Props) {
  const t = useTranslations('job');
  if (!tooLarge) return null;
  return (
    <div className="flex flex-wrap items-center gap-x-3 text-[13px]">
      <TooLargeNote tooLarge={tooLarge} />
      {isWhole ? (
        <>
          <span className="text-soft">{t('beyondWhole')}</span>{' '}
          <Link href={`/jobs/${jobId}/reveal#download`} prefetch={false}>
            {t('download')}
          </Link>
        </>
      ) : (
        <Link href={showAll} prefetch={false}>
          {t('showAllTexts')}
        </Link>
      )}
    </div>
  );
}
