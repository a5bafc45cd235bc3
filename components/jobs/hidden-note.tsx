import Link from 'next/link';
import { useTranslations } from 'next-intl';
import type { Denial } from '@/lib/auth/roles';
import { HIDDEN } from '@/lib/redaction/redaction';

/** Says what the marks in a job's data are, and leads those who may to what is behind them. */
export function HiddenNote({ jobId, denied }: { jobId: string; denied?: Denial }) {
  const t = useTranslations('reveal');
  return (
    <p className="mt-1 text-[13px] text-soft">
      {t.rich('note', {
        mark: HIDDEN,
        code: (chunks) => <code className="font-mono">{chunks}</code>,
      })}{' '}
      {denied ? (
        t(`why.${denied}`)
      ) : (
        <Link href={`/jobs/${jobId}/reveal`} prefetch={false}>
          {t('link')}
        </Link>
      )}
    </p>
  );
}
