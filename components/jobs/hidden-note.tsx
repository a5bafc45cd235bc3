import { useTranslations } from 'next-intl';
import type { Denial } from '@/lib/auth/roles';
import { REDACTION_MARKER } from '@/lib/redaction/redaction';
import { Link } from '../link';

/** Explains the redaction marks in a job's data and links to the page that reveals it. */
export function HiddenNote({ jobId, denial }: { jobId: string; denial?: Denial }) {
  const t = useTranslations('reveal');
  return (
    <p className="mt-1 text-sm text-soft">
      {t.rich('note', {
        mark: REDACTION_MARKER,
        code: (chunks) => <code className="font-mono">{chunks}</code>,
      })}{' '}
      {denial ? (
        t(`why.${denial}`)
      ) : (
        <Link href={`/jobs/${jobId}/reveal`} prefetch={false}>
          {t('link')}
        </Link>
      )}
    </p>
  );
}
