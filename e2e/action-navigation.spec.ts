import { randomUUID } from 'node:crypto';
import { DISCARDED, insertJob, readRow } from '../test/harness/rows';
import {
  BEHIND_PROXY,
  CHANGE_JOB,
  actionRequests,
  serverActionId,
  proxyHeaders,
} from './support/action-requests';
import { builtActions } from './support/built-endpoints';
import { en } from './support/messages';
import { useSite } from './support/site';
import { expect, httpTest, test } from './support/test';

/*
 * Server Actions behind a sign-in proxy: none makes the console send requests to itself, which
 * would lack the headers of the proxy.
 */
const site = useSite('action navigation', BEHIND_PROXY);
const { post, call, countRequests } = actionRequests(site);

httpTest.describe('an action without internal requests', () => {
  const encodeFields = (fields: Record<string, string>) => {
    const data = new FormData();
    for (const [name, value] of Object.entries(fields)) data.set(`_1_${name}`, value);
    data.set('0', '["$K1"]');
    return data;
  };
  const cases = async () => {
    const id = await insertJob(site.db, DISCARDED);
    return [
      [
        'lib/jobs/actions.ts#submitJobAction',
        { action: 'retry', id },
        `/jobs/${id}?did=retry&outcome=done`,
      ],
      [
        'lib/jobs/actions.ts#submitJobUndo',
        { action: 'discard', id, undo_id: '1' },
        `/jobs/${id}?did=undo_discard&outcome=undo_expired`,
      ],
      [
        'lib/attention/actions.ts#submitRepair',
        { repair: 'unpause', by: 'queue', name: 'q' },
        '/attention?did=unpause',
      ],
      [
        'lib/pauses/actions.ts#submitPause',
        { action: 'pause', kind: 'queue', name: 'q' },
        '/pauses?did=pause',
      ],
      ['lib/cron/actions.ts#submitCron', { action: 'disable', key: 'k' }, '/cron_entries'],
      ['lib/bulk/actions.ts#submitBulkControl', { id: randomUUID(), control: 'pause' }, '/bulk/'],
      ['lib/bulk/actions.ts#submitBatchRetry', { id: randomUUID() }, '/batches/'],
    ] as [string, Record<string, string>, string][];
  };
  const expectSingleRequest = async (name: string, act: () => Promise<unknown>) => {
    const before = await countRequests();
    const from = site.server.output().length;
    await act();
    // The server counts a request when its connection has finished it.
    await expect.poll(countRequests, `requests of ${name}`).toBeGreaterThan(before);
    expect(await countRequests(), `requests of ${name}`).toBe(before + 1);
    expect(site.server.output().slice(from), name).not.toMatch(
      /bad_proxy_secret|"action":"door"|failed to/,
    );
  };

  httpTest('an action with JavaScript sends one request when it navigates', async () => {
    for (const [name, fields, target] of await cases()) {
      const { id, page } = builtActions().get(name) ?? { id: '', page: '' };
      const path = page.replaceAll(/\[\w+\]/g, randomUUID());
      await expectSingleRequest(name, async () => {
        const answer = await call(path, id, encodeFields(fields));
        expect(answer.status, name).toBe(200);
        expect(answer.headers.get('x-action-redirect'), name).toBeNull();
        expect(answer.text, name).toContain(target);
      });
    }
  });

  httpTest('an action without JavaScript sends one request when it redirects', async () => {
    for (const [name, fields, target] of await cases()) {
      const { id, page } = builtActions().get(name) ?? { id: '', page: '' };
      const path = page.replaceAll(/\[\w+\]/g, randomUUID());
      await expectSingleRequest(name, async () => {
        const data = new FormData();
        data.set(`$ACTION_ID_${id}`, '');
        for (const [field, value] of Object.entries(fields)) data.set(field, value);
        const answer = await post(path, {}, data);
        expect(answer.status, name).toBe(303);
        expect(answer.headers.get('location'), name).toContain(site.server.basePath + target);
      });
    }
  });

  httpTest('an action on a page that does not use it sends one request', async () => {
    for (const path of ['/queues', '/audit', '/bulk', '/nowhere', '/performance/X']) {
      const id = await insertJob(site.db, DISCARDED);
      await expectSingleRequest(path, async () => {
        const answer = await call(
          path,
          serverActionId(CHANGE_JOB),
          JSON.stringify([{ action: 'retry', id }]),
        );
        expect(answer.status, path).toBe(200);
        expect(answer.text, path).toContain('"outcome":"done"');
      });
      expect((await readRow(site.db, 'good_jobs', id)).finished_at).toBeNull();
    }
    const reveal = serverActionId('lib/jobs/actions.ts#revealAction');
    await expectSingleRequest('reveal', async () => {
      const data = new FormData();
      data.set('_1_job', randomUUID());
      data.set('_1_reason', 'a test');
      data.set('0', '[null,"$K1"]');
      expect((await call('/queues', reveal, data)).text).toContain(en('reveal.missing'));
    });
  });
});

test.describe('in a browser', () => {
  test.use({ extraHTTPHeaders: proxyHeaders });
  test('a confirmed action ends on the page of the job without a refused request', async ({
    page,
  }) => {
    const id = await insertJob(site.db, DISCARDED);
    const from = site.server.output().length;
    await site.open(page, `/jobs/${id}/retry`);
    await page.getByRole('button', { name: en('actions.retry.confirm'), exact: true }).click();
    await page.waitForURL((url) => url.pathname.endsWith(`/jobs/${id}`));
    expect(new URL(page.url()).search).toBe('?did=retry&outcome=done');
    expect((await readRow(site.db, 'good_jobs', id)).finished_at).toBeNull();
    expect(site.server.output().slice(from)).not.toContain('"outcome":"refused"');
  });
});

httpTest('rejects a bulk target with an unknown filter parameter', async () => {
  const id = await insertJob(site.db, DISCARDED);
  const preview = serverActionId('lib/bulk/actions.ts#previewBulkAction');
  const start = serverActionId('lib/bulk/actions.ts#startBulkAction');
  const rest = {
    scheduledAt: null,
    cutOff: { at: '2026-01-01T00:00:00.000000Z', txid: '999999999999' },
    expected: { kind: 'at_least', count: 1 },
    confirmedCount: 1,
  };
  const filter = { kind: 'filter', query: '', batchId: null };
  for (const target of [
    { ...filter, query: 'class:X' },
    { ...filter, query: 'class=X' },
    { ...filter, query: 'q=' },
    { ...filter, query: 'state=discarded&state=queued' },
    { ...filter, class: 'X' },
    { ...filter, q: 'class:X' },
    { kind: 'batch', batchId: randomUUID(), query: 'class=X' },
  ]) {
    const action = target.kind === 'batch' ? 'batch_retry' : 'retry';
    for (const [actionId, args] of [
      [preview, { action, target }],
      [start, { action, target, ...rest }],
    ] as const) {
      const answer = await call('/jobs', actionId, JSON.stringify([args]));
      expect(answer.text, JSON.stringify(target)).toContain('"error":"console_updated"');
    }
  }
  expect((await readRow(site.db, 'good_jobs', id)).finished_at).not.toBeNull();
});

httpTest('caches static files of the build forever and answers 404 for others', async () => {
  const page = await fetch(site.url('/jobs'), { headers: proxyHeaders });
  const [file] = /\/_next\/static\/chunks\/[\w.-]+\.js/.exec(await page.text()) ?? [''];
  for (const method of ['GET', 'HEAD']) {
    const response = await fetch(site.url(file), { method });
    expect(response.status).toBe(200);
    expect(response.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    expect((await response.text()).length > 0).toBe(method === 'GET');
    const missing = await fetch(site.url(`${file}x`), { method });
    expect(missing.status).toBe(404);
    expect(missing.headers.get('cache-control')).toBe('no-store');
    expect(await missing.text()).not.toContain('self.__next_f');
  }
  for (const headers of [
    { Range: 'bytes=99999999-' },
    { Range: 'bytes=1-2,x' },
    { 'If-Match': '"x"' },
    { 'If-Unmodified-Since': 'Thu, 01 Jan 1970 00:00:00 GMT' },
  ] as Record<string, string>[])
    expect((await fetch(site.url(file), { headers })).status, JSON.stringify(headers)).toBe(200);
});
