import type { IncomingMessage } from 'node:http';
import { expect, it } from 'vitest';
import { isActivity } from './activity';

const request = (method: string, url: string, headers: Record<string, string> = {}) =>
  ({ method, url, headers }) as unknown as IncomingMessage;
const RSC = { rsc: '1' };

it.each([
  ['a page', request('GET', '/ops/jobs'), true],
  ['an action', request('POST', '/ops/jobs/1', { referer: 'https://x.example/ops/jobs/1' }), true],
  [
    'a navigation',
    request('GET', '/ops/jobs/1?_rsc=ab', { ...RSC, referer: 'https://x.example/ops/jobs' }),
    true,
  ],
  ['a navigation without a referrer', request('GET', '/ops/jobs/1?_rsc=ab', RSC), true],
  ['a poll', request('GET', '/ops/api/jobs'), false],
  [
    'a page that refetches itself',
    request('GET', '/ops/jobs/1?all=1&_rsc=ab', {
      ...RSC,
      referer: 'https://x.example/ops/jobs/1?all=1',
    }),
    false,
  ],
  [
    'another page of the list',
    request('GET', '/ops/jobs?after_id=2&_rsc=ab', {
      ...RSC,
      referer: 'https://x.example/ops/jobs',
    }),
    true,
  ],
  [
    'a reload by the viewer',
    request('GET', '/ops/jobs', { referer: 'https://x.example/ops/jobs' }),
    true,
  ],
])('isActivity classifies %s', (_, sample, expected) =>
  expect(isActivity(sample as IncomingMessage, '/ops')).toBe(expected),
);
