import { createTranslator } from 'next-intl';
import { readFileSync } from 'node:fs';
import type messages from '../../messages/en.json';

type Messages = typeof messages;

export const MESSAGES = Object.fromEntries(
  ['en', 'ja'].map((locale) => [
    locale,
    JSON.parse(
      readFileSync(new URL(`../../messages/${locale}.json`, import.meta.url), 'utf8'),
    ) as Messages,
  ]),
) as Record<'en' | 'ja', Messages>;

/** Translate a message key, so that tests do not depend on the wording. */
export const en = createTranslator({ locale: 'en', messages: MESSAGES.en });
export const ja = createTranslator({ locale: 'ja', messages: MESSAGES.ja });
