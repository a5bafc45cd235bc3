import { ConsoleError } from '../errors';
import { TERM_PARAMS, ZONE_PARAM } from '../jobs/terms';

/** Parameters that choose jobs. */
const FILTER = new Set<string>(['state', 'q', ZONE_PARAM, ...TERM_PARAMS]);
/** Parameters of a list's URL that choose a page or its looks: the page of a list sends them along, and they are dropped. */
const NOT_OF_THE_FILTER = new Set([
  'after_id',
  'after_at',
  'before_id',
  'before_at',
  'limit',
  'sort',
  'poll',
  'locale',
  'did',
  'outcome',
]);

/**
 * The filter of a bulk target, from the query of a list's URL. A list ignores what it does not know, as GoodJob does; an
 * act that did so would change more jobs than were meant. Throws ConsoleError `bad_request` for a parameter that no list
 * has, has no name or no value, comes twice, or is not valid percent-encoded UTF-8. An empty query means all jobs.
 */
export function targetParams(query: string): URLSearchParams {
  const seen = new Set<string>();
  const params = new URLSearchParams();
  for (const part of query === '' ? [] : query.split('&')) {
    const at = part.indexOf('=');
    const name = decode(at < 0 ? part : part.slice(0, at));
    const value = at < 0 ? '' : decode(part.slice(at + 1));
    if (seen.has(name)) throw new ConsoleError('bad_request');
    seen.add(name);
    if (NOT_OF_THE_FILTER.has(name)) continue;
    if (!FILTER.has(name) || value.trim() === '') throw new ConsoleError('bad_request');
    params.set(name, value);
  }
  return params;
}

/** As a form encodes it. */
function decode(text: string): string {
  try {
    const decoded = decodeURIComponent(text.replaceAll('+', ' '));
    if (!/[\0\p{Surrogate}]/u.test(decoded)) return decoded;
  } catch {
    // falls through
  }
  throw new ConsoleError('bad_request');
}
