import { headers } from 'next/headers';
import { getRequestConfig } from 'next-intl/server';
import { env } from '../config/environment';
import { PREFERENCES, isLocale, isTimeZone } from '../core/locale';

/** The server's front door has decided on the locale and the time zone already; see server/front-door.ts. */
export default getRequestConfig(async () => {
  const request = await headers();
  const wanted = request.get(PREFERENCES.locale.header);
  const locale = isLocale(wanted) ? wanted : env().defaultLocale;
  const zone = request.get(PREFERENCES.timeZone.header);
  const messages = (await import(`../../messages/${locale}.json`)) as {
    default: Record<string, never>;
  };
  return {
    locale,
    timeZone: isTimeZone(zone) ? zone : env().timeZone,
    messages: messages.default,
    now: new Date(),
  };
});
