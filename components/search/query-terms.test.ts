import { expect, it } from 'vitest';
import { parseJobFilter } from '@/lib/jobs/filters';
import { parseQuery } from '@/lib/search/parser';
import { toChip } from './query-terms';

it.each([
  ['job_class', 'A*b\\c'],
  ['job_class', 'Foo::Bar'],
  ['queue_name', 'a,b'],
  ['queue_name', '経理，総務'],
  ['queue_name', ':x'],
  ['label', '//"x"'],
  ['label', '=1'],
  ['cron_key', 'a b'],
  ['finished_since', '3_hours_ago'],
  ['query', 'two words'],
])('converts %s=%s to a chip that parses to the same condition', (param, value) => {
  const [term] = parseJobFilter(new URLSearchParams({ [param]: value })).terms;
  if (!term) throw new Error('No term.');
  const { param: _param, source: _source, ...meaning } = term;
  expect(parseQuery(toChip(term).text)).toMatchObject([meaning]);
});
