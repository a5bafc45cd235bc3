import { expect, it } from 'vitest';
import { parseJobFilter, sortOf } from './filters';
import { sortChoices, sortHeads } from './order';

it.each([
  '',
  'state=queued',
  'state=discarded',
  'q=finished:2026-11-15',
  'q=scheduled:>2h',
  'finished_since=1_hour_ago',
  'sort=finished',
  'state=running&sort=-priority',
])('what is said to be sorted by is what it is sorted by: %s', (query) => {
  const filter = parseJobFilter(new URLSearchParams(query));
  const { column, direction } = sortOf(filter);
  expect(sortChoices(filter, '/jobs').filter(({ current }) => current)).toMatchObject([
    { column, direction },
  ]);
  const heads = sortHeads(filter, '/jobs');
  expect(
    Object.entries(heads).filter(([name, head]) => name !== 'time' && head?.sorted),
  ).toMatchObject([[column, { sorted: direction === 'asc' ? 'ascending' : 'descending' }]]);
});
