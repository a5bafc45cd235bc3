import { expect, it } from 'vitest';
import { parseJobFilter, sortOf } from './filters';
import { sortChoices, sortHeaders } from './order';

it.each([
  '',
  'state=queued',
  'state=discarded',
  'q=finished:2026-11-15',
  'q=scheduled:>2h',
  'finished_since=1_hour_ago',
  'sort=finished',
  'state=running&sort=-priority',
])('marks the column that the list is sorted by: %s', (query) => {
  const filter = parseJobFilter(new URLSearchParams(query));
  const { column, direction } = sortOf(filter);
  expect(sortChoices(filter, '/jobs').filter(({ isCurrent }) => isCurrent)).toMatchObject([
    { column, direction },
  ]);
  const heads = sortHeaders(filter, '/jobs');
  expect(
    Object.entries(heads).filter(([name, head]) => name !== 'time' && head?.sorted),
  ).toMatchObject([[column, { sorted: direction === 'asc' ? 'ascending' : 'descending' }]]);
});
