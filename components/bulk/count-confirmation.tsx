import { useFormatter, useTranslations } from 'next-intl';

/** Asks for the number of jobs before a large action; accepts separators and full-width digits. */
export function CountConfirmation({ number }: { number: number }) {
  const t = useTranslations('bulk');
  const format = useFormatter();
  return (
    <label className="mt-3 flex flex-col gap-1">
      <span>{t('typeNumber', { number: format.number(number) })}</span>
      <input
        name="confirmed_count"
        inputMode="numeric"
        autoComplete="off"
        spellCheck={false}
        required
        className="control w-48"
      />
    </label>
  );
}
