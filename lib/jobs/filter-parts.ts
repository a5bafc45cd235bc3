import { isJobState } from '../good-job/states';
import { fieldOf } from './query-language';
import { COMMA, MINUS, tokens, values } from './query-tokens';
import { FIELDS, FINISHED_SINCE, type Field } from './terms';

/** A condition of a filter for a reader. `text` is as it was typed. */
export type FilterPart =
  | { kind: 'field'; field: Field | 'args' | 'text'; isNegated: boolean; text: string }
  | { kind: 'states'; states: string[]; isNegated: boolean }
  /** A group of failures since a time. */
  | { kind: 'failure'; fingerprint: string; since: string }
  /** A parameter that this console does not know. */
  | { kind: 'other'; name: string; text: string };

const FIELD_OF: Record<string, Field | 'text'> = {
  job_class: 'class',
  queue_name: 'queue',
  label: 'label',
  cron_key: 'cron',
  process_id: 'process',
  query: 'text',
};
const HOUR = 3_600;

/** The conditions of a filter that is stored as the query of a URL. */
export function filterParts(query: string): FilterPart[] {
  return [...new URLSearchParams(query)].flatMap(([name, value]): FilterPart[] => {
    if (value.trim() === '') return [];
    if (name === 'q') return tokens(value).map(({ text }) => partOf(text));
    if (name === 'state') return [{ kind: 'states', states: [value], isNegated: false }];
    const seconds = Object.hasOwn(FINISHED_SINCE, value) ? FINISHED_SINCE[value] : undefined;
    if (name === 'finished_since' && seconds !== undefined)
      return [field('finished', `>=${seconds / HOUR}h`)];
    const known = Object.hasOwn(FIELD_OF, name) ? FIELD_OF[name] : undefined;
    return [known ? field(known, value) : { kind: 'other', name, text: value }];
  });
}

const field = (name: Field | 'args' | 'text', text: string, isNegated = false): FilterPart => ({
  kind: 'field',
  field: name,
  isNegated,
  text,
});

function partOf(word: string): FilterPart {
  const isNegated = word.length > 1 && MINUS.test(word);
  const body = isNegated ? word.slice(1) : word;
  const named = fieldOf(body);
  const rest = body.slice(named?.valueAt ?? 0);
  const failure = /^([0-9a-f]{16})@((?:(?!\.\.).)+)/.exec(rest);
  if (named?.name === 'failure' && failure)
    return { kind: 'failure', fingerprint: failure[1] ?? '', since: failure[2] ?? '' };
  if (named?.name === 'args') return field('args', body.replace(/^args[.．]/i, ''), isNegated);
  const known = FIELDS.find((one) => one === named?.name);
  if (!known) return field('text', body, isNegated);
  const states = known === 'state' ? values(rest, COMMA).map(({ text }) => text) : [];
  return states.length > 0 && states.every(isJobState)
    ? { kind: 'states', states, isNegated }
    : field(known, rest, isNegated);
}
