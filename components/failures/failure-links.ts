import type {
  DiscardCount,
  FailureGroup,
  FailurePage,
  FailureRange,
  Grouping,
} from '@/lib/failures/filters';
import { nameParams } from '@/lib/jobs/links';
import { quoteValue } from '@/lib/search/tokens';

/** The jobs of a group as the list's URL query: exactly those, of the failures that were looked at. `range`: those alone that failed since then. */
export function groupQuery(
  { jobClass, fingerprint }: FailureGroup,
  { since, until }: Pick<FailurePage, 'since' | 'until'>,
  from = since,
): string {
  const bounds = `${from > since ? from : since}${until === null ? '' : `..${until}`}`;
  return String(
    new URLSearchParams({
      ...(jobClass === null || jobClass.trim() === '' ? {} : { job_class: jobClass }),
      q: `failure:${fingerprint}@${bounds}`,
    }),
  );
}

/** `now` less so many seconds, with its microseconds. */
export function before(now: string, seconds: number): string {
  return new Date(Date.parse(now) - seconds * 1000)
    .toISOString()
    .replace('Z', `${/\.\d{3}(\d{3})Z$/.exec(now)?.[1] ?? '000'}Z`);
}

/** The jobs of a row of the tables by class and by exception, as GoodJob links them. Null: nothing names them, or not the whole of their name is known. */
export function countHref(
  by: Grouping,
  { name, bare, cut, tooLarge }: DiscardCount,
  range: FailureRange | null,
  isTotal: boolean,
  jobClass: string | null,
): string | null {
  const params: Record<string, string> = {
    state: 'discarded',
    ...(range ? { finished_since: range } : {}),
    ...(jobClass === null ? {} : { job_class: jobClass }),
  };
  if (isTotal) return `/jobs?${new URLSearchParams(params)}`;
  if (by === 'class' && !tooLarge)
    return `/jobs?${new URLSearchParams({ ...params, ...nameParams({ class: name }) })}`;
  if (name === null || name.trim() === '' || cut) return null;
  return `/jobs?${new URLSearchParams({ ...params, q: `error:=${bare ? `${quoted(name)},` : ''}${quoted(`${name}: `)}*` })}`;
}

/** In quotes a star is a star. */
function quoted(text: string): string {
  const value = quoteValue(text);
  return value.startsWith('"') ? value : `"${value}"`;
}
