import type {
  DiscardCount,
  FailureGroup,
  FailurePage,
  FailureRange,
  Grouping,
} from '@/lib/failures/filters';
import { nameParams } from '@/lib/jobs/links';
import { quoteValue } from '@/lib/search/terms';

/**
 * The URL query of the job list for exactly the jobs of a group, within the scanned failures.
 * `from` limits it to later failures.
 */
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

/** The ISO time `seconds` before `now`, with its microseconds. */
export function timeBefore(now: string, seconds: number): string {
  return new Date(Date.parse(now) - seconds * 1000)
    .toISOString()
    .replace('Z', `${/\.\d{3}(\d{3})Z$/.exec(now)?.[1] ?? '000'}Z`);
}

/**
 * The link to the jobs of a table row, as on GoodJob's own page. Null if the row has no name or the
 * name is truncated.
 */
export function countHref(
  by: Grouping,
  { name, isBare, isCut, tooLarge }: DiscardCount,
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
  if (name === null || name.trim() === '' || isCut) return null;
  const exactName = isBare ? `${quoteLiteral(name)},` : '';
  const q = `error:=${exactName}${quoteLiteral(`${name}: `)}*`;
  return `/jobs?${new URLSearchParams({ ...params, q })}`;
}

/** Always quotes: outside of quotes a star is a wildcard. */
function quoteLiteral(text: string): string {
  const value = quoteValue(text);
  return value.startsWith('"') ? value : `"${value}"`;
}
