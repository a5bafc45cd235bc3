import { headers } from 'next/headers';
import { getRequestConfig } from 'next-intl/server';
import { env } from '../../lib/config/environment';
import { PREFERENCES, isLocale, isTimeZone } from '../../lib/core/locale';

const MESSAGES = {
  en: () => import('../../messages/en.json'),
  ja: () => import('../../messages/ja.json'),
};

/** Uses the locale and time zone that the gateway has chosen (server/gateway.ts). */
export default getRequestConfig(async () => {
  const request = await headers();
  const requestedLocale = request.get(PREFERENCES.locale.header);
  const locale = isLocale(requestedLocale) ? requestedLocale : env().defaultLocale;
  const zone = request.get(PREFERENCES.timeZone.header);
  const messages = await MESSAGES[locale]();
  return {
    locale,
    timeZone: isTimeZone(zone) ? zone : 'UTC',
    messages: messages.default,
    now: new Date(),
  };
});
