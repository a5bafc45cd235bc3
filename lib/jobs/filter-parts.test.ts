import { expect, it } from 'vitest';
import { filterParts } from './links';

const field = (name: string, text: string, isNegated = false) => ({
  kind: 'field',
  field: name,
  isNegated,
  text,
});

it('parses a stored filter into conditions for display', () => {
  const query = new URLSearchParams({
    state: 'discarded',
    job_class: 'A::B',
    finished_since: '3_hours_ago',
    query: 'two words',
    q: [
      '-state:queued,running -label:"a b" created:2026-11-30+09:00 args.0.id:4711 Net::*',
      'failure:0123456789abcdef@2026-11-30T01:02:03.456789Z..2026-12-01T00:00:00.000000Z',
    ].join(' '),
    newer: 'x',
  });
  expect(filterParts(String(query))).toEqual([
    { kind: 'states', states: ['discarded'], isNegated: false },
    field('class', 'A::B'),
    field('finished', '>=3h'),
    field('text', 'two words'),
    { kind: 'states', states: ['queued', 'running'], isNegated: true },
    field('label', '"a b"', true),
    field('created', '2026-11-30+09:00'),
    field('args', '0.id:4711'),
    field('text', 'Net::*'),
    { kind: 'failure', fingerprint: '0123456789abcdef', since: '2026-11-30T01:02:03.456789Z' },
    { kind: 'other', name: 'newer', text: 'x' },
  ]);
  expect(filterParts('')).toEqual([]);
  expect(filterParts('q=+&job_class=')).toEqual([]);
});
