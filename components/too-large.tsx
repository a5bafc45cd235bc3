import { useTranslations } from 'next-intl';

/** Stands in the place of a text that was too large to be read, or that may repeat what was not read. */
export function TooLarge() {
  return <span className="text-soft">{useTranslations('tooLarge')('text')}</span>;
}
