import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { insertJobs } from '../../test/harness/many-rows';
import { TestConsole } from '../../test/harness/test-console';
import { requireBulk, startBulk } from './mutations';
import { previewBulk, targetParams } from './preview';
import type { BulkTarget } from './types';

const INVALID_QUERIES = [
  'class=ExampleJob',
  'class:ExampleJob',
  'state=discarded&class=ExampleJob',
  'State=discarded',
  'state[]=discarded',
  'states=discarded',
  'jobclass=A',
  'job_class[]=A',
  'job-class=A',
  ' state=discarded',
  '?state=discarded',
  '/jobs?state=discarded',
  'state=discarded#x&y=1',
  'Q=class:A',
  'queue=default',
  'filter=class:A',
  'search=x',
  '__proto__=x',
  'constructor=x',
  'toString=x',
  'state=discarded&state=queued',
  'state=discarded&state=discarded',
  'q=class:A&q=class:B',
  'limit=1&limit=2',
  '%73tate=discarded&state=queued',
  '=x',
  '=',
  '&',
  'state=discarded&',
  '&state=discarded',
  'state=discarded&&q=class:A',
  'state',
  'state=',
  'q=',
  'q=%20',
  'q=+',
  'job_class=',
  'queue_name=%E3%80%80',
  'q=%ff',
  'q=%E3%81',
  'q=%ED%A0%80',
  'q=%',
  'q=%zz',
  '%ff=x',
  'q=a%00b',
  'q=a\0b',
  'q=\ud800',
  'locale=%ff',
  'id=1',
  'ids=1,2',
  'batch_id=1',
  'cursor=x',
  'offset=10',
  'page=2',
  'x',
];

describe('targetParams', () => {
  it.each(INVALID_QUERIES)('rejects the target query %j', (query) =>
    expect(() => targetParams(query)).toThrow(expect.objectContaining({ code: 'bad_request' })),
  );
  it.each([
    ['', {}],
    ['state=discarded', { state: 'discarded' }],
    ['%73tate=discarded', { state: 'discarded' }],
    [
      'q=class%3AA+label%3Ab&state=queued&queue_name=%E8%AB%8B%E6%B1%82',
      { q: 'class:A label:b', state: 'queued', queue_name: '請求' },
    ],
    ['job_class=A%26B%3DC', { job_class: 'A&B=C' }],
    ['q=a=b', { q: 'a=b' }],
    [
      'state=discarded&after_id=x&limit=50&sort=-finished&did=retry&locale=ja&poll=5',
      { state: 'discarded' },
    ],
  ])('parses the target query %j', (query, params) =>
    expect(Object.fromEntries(targetParams(query))).toEqual(params),
  );
});

describe('a bulk target', () => {
  let testConsole: TestConsole;
  beforeAll(async () => {
    testConsole = await TestConsole.open('bulk target');
  });
  afterAll(() => testConsole.close());
  beforeEach(() =>
    testConsole.client.query('DELETE FROM good_jobs; DELETE FROM good_job_console.audit_events'),
  );
  const target = (query: string): BulkTarget => ({ kind: 'filter', query, batchId: null });

  it('rejects an invalid query in the preview and at the start, and changes nothing', async () => {
    await insertJobs(testConsole.client, 3);
    const preview = await previewBulk(testConsole.ctx(), 'retry', target('state=discarded'));
    for (const ctx of [testConsole.ctx(), testConsole.ctx({ bulkRuns: false })])
      for (const query of ['class=ExampleJob', 'state=', 'state=discarded&state=queued']) {
        const error = { code: 'bad_request' };
        await expect(requireBulk(ctx, 'retry', target(query))).rejects.toMatchObject(error);
        await expect(previewBulk(ctx, 'retry', target(query))).rejects.toMatchObject(error);
        await expect(
          startBulk(ctx, {
            action: 'retry',
            target: target(query),
            scheduledAt: null,
            cutOff: preview.cutOff,
            expected: preview.total,
            confirmedCount: 3,
          }),
        ).rejects.toMatchObject(error);
      }
    const { rows } = await testConsole.client.query(
      'SELECT 1 FROM good_jobs WHERE finished_at IS NULL',
    );
    expect(rows).toEqual([]);
    const attempts = await testConsole.client.query(
      'SELECT DISTINCT action, outcome, error FROM good_job_console.audit_events',
    );
    expect(attempts.rows).toEqual([
      { action: 'job.retry', outcome: 'refused', error: 'bad_request' },
    ]);
  });
  it('stores days with their time zone offset, so that the run uses those of the preview', async () => {
    await insertJobs(testConsole.client, 3, { created_at: "'2026-11-29 16:00'" });
    const day = 'q=created%3A2026-11-30';
    const resolve = async (query: string) => {
      const { target: resolved, total } = await previewBulk(
        testConsole.ctx(),
        'retry',
        target(query),
      );
      return [
        resolved.kind === 'filter' && new URLSearchParams(resolved.query).get('q'),
        total.count,
      ];
    };
    expect(await resolve(day)).toEqual(['created:2026-11-30Z', 0]);
    expect(await resolve(`${day}&time_zone=Asia%2FTokyo`)).toEqual(['created:2026-11-30+09:00', 3]);
  });
  it('matches all jobs with an empty query', async () => {
    await insertJobs(testConsole.client, 3);
    expect((await previewBulk(testConsole.ctx(), 'retry', target(''))).total.count).toBe(3);
  });
});
