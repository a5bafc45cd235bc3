import { useFormatter, useTranslations } from 'next-intl';

/** The number of jobs, to be typed before many are changed; separators and full-width digits are as good. */
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
