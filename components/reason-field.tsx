import { useTranslations } from 'next-intl';
import { MAX_REASON } from '@/lib/audit/types';

/** Why it is done, for the audit; in every dialog and on every page that asks before an act. */
export function ReasonField({ required }: { required: boolean }) {
  const t = useTranslations('actions.reason');
  return (
    <label className="mt-3 block">
      <span className="block text-[13px] text-soft">{t(required ? 'required' : 'label')}</span>
      <textarea
        name="reason"
        rows={2}
        maxLength={MAX_REASON}
        required={required}
        className="control block w-full"
      />
    </label>
  );
}
