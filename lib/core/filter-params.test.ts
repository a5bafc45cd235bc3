import { expect, it } from 'vitest';
import { paramsOf, paramsOfRequest } from './urls';

it('uses the last value of a repeated parameter, for pages and for API requests', () => {
  for (const params of [
    paramsOf({ state: ['queued', 'discarded'], q: '請求' }),
    paramsOfRequest({
      url: `http://x/api/jobs?state=queued&q=${encodeURIComponent('請求')}&state=discarded`,
    }),
  ])
    expect(['state', 'q', 'limit'].map((name) => params.get(name))).toEqual([
      'discarded',
      '請求',
      null,
    ]);
});
