import { redirect } from 'next/navigation';
import { getTimeZone } from 'next-intl/server';
import { isTimeZone } from '@/lib/core/locale';
import { paramsOf } from '@/lib/core/urls';
import { addOffsets } from '@/lib/search/parser';
import { ZONE_PARAM } from '@/lib/search/terms';

type SearchParams = Record<string, string | string[] | undefined>;

/**
 * Returns the viewer's time zone, which applies to times in `q` without an offset. Redirects a URL
 * with such times to one with offsets, so that links, previews and bulk actions mean the same times
 * to every viewer.
 */
export async function queryZone(path: string, searchParams: SearchParams): Promise<string> {
  const pageParams = paramsOf(searchParams);
  const zoneParam = pageParams.get(ZONE_PARAM);
  const zone = isTimeZone(zoneParam) ? zoneParam : await getTimeZone();
  const q = addOffsets(pageParams.get('q') ?? '', zone);
  if (q === null) return zone;
  const params = Object.keys(searchParams)
    .filter((name) => name !== ZONE_PARAM)
    .map((name) => [name, name === 'q' ? q : (pageParams.get(name) ?? '')]);
  redirect(`${path}?${new URLSearchParams(params)}`);
}
