import { useTranslations } from 'next-intl';
import type { AttentionCount } from '@/lib/attention/queries';

const CLASSES: Record<AttentionCount['severity'], string> = {
  critical: 'bg-danger-wash text-danger',
  warning: 'bg-warn-wash text-warn',
  notice: 'bg-queued-wash text-queued',
};

/** The number of findings next to the link to /attention; nothing if it is zero or unknown. */
export function NavAttention({ count }: { count: AttentionCount | null | undefined }) {
  const t = useTranslations('navCounts');
  if (!count) return null;
  return (
    <span
      data-attention-count=""
      className={
        'ml-1 inline-block min-w-5 rounded-full px-1.5 text-center text-[12px] font-semibold ' +
        CLASSES[count.severity]
      }
    >
      {count.findings}
      <span className="sr-only"> {t('findings', { count: count.findings })}</span>
    </span>
  );
}
