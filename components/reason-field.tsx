import { useTranslations } from 'next-intl';
import { MAX_REASON } from '@/lib/audit/types';

/** The reason of an action for the audit, part of every confirmation. */
export function ReasonField({ required }: { required: boolean }) {
  const t = useTranslations('actions.reason');
  return (
    <label className="mt-3 block">
      <span className="block text-sm text-soft">{t(required ? 'required' : 'label')}</span>
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
