import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  isUnderstood,
  jobFilterParams,
  listedStates,
  notUnderstoodOf,
  parseJobFilter,
  sortOf,
  withState,
  withoutTerm,
} from './filters';

const read = (query: string) => parseJobFilter(new URLSearchParams(query));
const print = (query: string) => jobFilterParams(read(query), read(query).cursor);

describe('parseJobFilter', () => {
  it("parses GoodJob's parameters as terms", () => {
    const filter = read(
      'state=discarded&job_class=A*&queue_name=q&label=l&cron_key=c&query=two%20words' +
        '&finished_since=3_hours_ago&limit=50',
    );
    expect(filter).toMatchObject({ state: 'discarded', limit: 50, notUnderstood: [] });
    expect(filter.terms).toMatchObject([
      { kind: 'match', field: 'class', values: ['A\\*'], param: 'job_class' },
      { field: 'queue' },
      { field: 'label' },
      { field: 'cron' },
      {
        kind: 'time',
        field: 'finished',
        bounds: [{ comparison: '>=', time: { secondsAgo: 10_800 } }],
      },
      { kind: 'text', text: 'two words' },
    ]);
  });
  it.each([
    'state=discarded&job_class=A*&query=two words&q=class:B -"x y"&sort=-created&limit=50',
    'after_id=926ae407-2f45-4d04-92ad-41a82fd519fa&after_at=2026-11-23T12:29:21.393712Z',
    'q=statee:x "open',
    'state=bogus&limit=0&finished_since=x',
    '',
  ])('prints a parsed filter unchanged: %s', (query) => {
    expect(print(query)).toEqual(Object.fromEntries(new URLSearchParams(query)));
  });
  it("parses a day without an offset in the viewer's zone and prints it with the offset", () => {
    const filter = parseJobFilter(new URLSearchParams('q=created:2026-11-30'), {
      zone: 'Asia/Tokyo',
    });
    expect(filter.terms).toMatchObject([
      { bounds: [{ time: { at: '2026-11-29T15:00:00.000Z' } }, { comparison: '<' }] },
    ]);
    expect(jobFilterParams(filter)).toEqual({ q: 'created:2026-11-30+09:00' });
  });
  it('parses a day without an offset in UTC or in the zone of the URL', () => {
    expect(print('q=created:2026-11-30')).toEqual({ q: 'created:2026-11-30Z' });
    expect(print('q=created:2026-11-30&time_zone=Asia/Tokyo')).toEqual({
      q: 'created:2026-11-30+09:00',
    });
    expect(isUnderstood(read('q=created:2026-11-30&time_zone=Mars/Base'))).toBe(false);
  });
  it('prints invalid filters so that they stay invalid', () => {
    fc.assert(
      fc.property(
        fc.dictionary(
          fc.constantFrom(
            'state',
            'job_class',
            'process_id',
            'finished_since',
            'limit',
            'sort',
            'q',
            'after_id',
            'before_at',
          ),
          fc.string({ unit: 'grapheme', maxLength: 1100 }),
        ),
        (input) => {
          const filter = parseJobFilter(new URLSearchParams(input));
          const again = parseJobFilter(new URLSearchParams(jobFilterParams(filter, filter.cursor)));
          expect(isUnderstood(again)).toBe(isUnderstood(filter));
          expect(again.terms.map((term) => term.kind)).toEqual(
            filter.terms.map((term) => term.kind),
          );
        },
      ),
    );
  });
  it('reports all invalid parameters and terms', () => {
    expect(notUnderstoodOf(read(`state=bogus&q=statee:x&job_class=${'x'.repeat(2000)}`))).toEqual([
      { name: 'state', value: 'bogus' },
      { name: 'job_class', value: 'x'.repeat(80) },
      { name: 'q', value: 'statee:x', reason: 'field' },
    ]);
  });
  it('returns the states that the jobs of a filter can have', () => {
    expect(listedStates(read('q=-state:succeeded,discarded'))).toEqual([
      'scheduled',
      'retried',
      'queued',
      'running',
    ]);
    expect(listedStates(read('state=running&q=state:queued'))).toEqual([]);
  });
  it('sorts a list of several states by the time field of the query', () => {
    expect(sortOf(read('q=finished:2026-11-15'))).toEqual({
      column: 'finished',
      direction: 'desc',
    });
    expect(sortOf(read('q=finished:>2h created:>3h'))).toEqual({
      column: 'created',
      direction: 'desc',
    });
    expect(sortOf(read('finished_since=1_hour_ago'))).toEqual({
      column: 'created',
      direction: 'desc',
    });
    expect(sortOf(read('state=queued&q=scheduled:>2h'))).toEqual({
      column: 'scheduled',
      direction: 'asc',
    });
  });
  it('removes a sort that the new tab does not support, or one term of a filter', () => {
    const filter = read('state=queued&sort=priority&q=a b&label=x');
    expect(jobFilterParams(withState(filter, 'succeeded'))).toEqual({
      state: 'succeeded',
      q: 'a b',
      label: 'x',
    });
    expect(jobFilterParams(withState(filter, 'running'))).toMatchObject({ sort: 'priority' });
    expect(filter.terms.map((term) => jobFilterParams(withoutTerm(filter, term)))).toMatchObject([
      { q: 'a b' },
      { q: 'b', label: 'x' },
      { q: 'a', label: 'x' },
    ]);
  });
});
