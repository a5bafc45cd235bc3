import { randomUUID } from 'node:crypto';
import { DISCARDED, insertJob, row } from '../test/harness/rows';
import { builtActions } from './support/built-doors';
import { en } from './support/messages';
import { useSite } from './support/site';
import { expect, httpTest, test } from './support/test';

/*
 * What is sent to the console as a Server Action, behind a proxy that signs people in: nothing that is sent makes Next
 * fail, and nothing that is done makes the console send requests to itself, which no proxy would have signed.
 */
const SECRET = 'the-secret-of-the-proxy-and-the-console';
const METRICS_TOKEN = 'a-token-of-the-browser-tests';
const signed = {
  'X-Auth-Proxy-Secret': SECRET,
  'X-Forwarded-User': 'admin',
  'X-Forwarded-Groups': 'admins',
};
const site = useSite('action requests', {
  env: {
    AUTH_MODE: 'proxy-header',
    AUTH_PROXY_SECRET: SECRET,
    ROLE_ADMINS: 'group:admins',
    METRICS_TOKEN,
    WRITE_RATE_LIMIT: '0',
  },
});

const idOf = (name: string) => builtActions().get(name)?.id ?? '';
const CHANGE_JOB = 'lib/jobs/actions.ts#changeJob';
const BOUNDARY = '----WebKitFormBoundaryAbCdEfGhIjKlMnOp';
const MULTIPART = `multipart/form-data; boundary=${BOUNDARY}`;
const part = (name: string, value: string) =>
  `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
const form = (...fields: [string, string][]) =>
  `${fields.map(([name, value]) => part(name, value)).join('')}--${BOUNDARY}--\r\n`;

async function post(
  path: string,
  headers: Record<string, string>,
  body: string | Uint8Array<ArrayBuffer> | FormData,
) {
  const answer = await fetch(site.url(path), {
    method: 'POST',
    headers: { ...signed, Origin: site.server.origin, ...headers },
    body,
    redirect: 'manual',
  });
  return { status: answer.status, headers: answer.headers, text: await answer.text() };
}
const call = (
  path: string,
  id: string,
  body: string | FormData,
  type = 'text/plain;charset=UTF-8',
) =>
  post(
    path,
    {
      'Next-Action': id,
      Accept: 'text/x-component',
      ...(typeof body === 'string' ? { 'Content-Type': type } : {}),
    },
    body,
  );

/** Requests that reached the console, from wherever, except those of this question. */
async function requests(): Promise<number> {
  const answer = await fetch(site.url('/metrics'), {
    headers: { Authorization: `Bearer ${METRICS_TOKEN}` },
  });
  const lines = (await answer.text()).split('\n');
  return lines
    .filter((line) => line.startsWith('good_job_console_http_requests_total{'))
    .filter((line) => !line.includes('"metrics"'))
    .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
}

const BAD_ARGUMENTS: [string, string][] = [
  ['nothing', ''],
  ['no JSON', 'garbage'],
  ['half of a list', '[{"action":"retry"'],
  ['no list', '{"0":{"action":"retry"}}'],
  ['a number', '1'],
  ['null', 'null'],
  ['a text', '"x"'],
  ['an own prototype', '[{"__proto__":{"action":"retry"}}]'],
  ['a path to a prototype', '["$1:__proto__:constructor"]'],
  ['a reference that leads nowhere', '["$1"]'],
  ['a reference to itself', '["$0"]'],
  ['a form that is not there', '["$K1"]'],
  ['a reference far away', '["$Kffffffff"]'],
  ['a promise', '["$@0"]'],
  ['a Map', '["$Q1"]'],
  ['a Set', '["$W1"]'],
  ['a file', '["$B1"]'],
  ['an iterator', '["$i1"]'],
  ['a stream', '["$R1"]'],
  ['bytes', '["$o1"]'],
  ['a server reference', '["$h1"]'],
  ['a temporary reference', '["$T"]'],
  ['a big integer', `["$n${'9'.repeat(100_000)}"]`],
  ['a date', '["$Dx"]'],
  ['a deep list', `${'['.repeat(50_000)}${']'.repeat(50_000)}`],
  ['a deep object', `${'{"a":'.repeat(5_000)}1${'}'.repeat(5_000)}`],
  ['a megabyte of [', '['.repeat(999_000)],
  ['a megabyte of {"', '{"'.repeat(499_000)],
  ['a megabyte of "', '"'.repeat(999_000)],
  ['a megabyte of \\', `["${'\\'.repeat(990_000)}"]`],
  ['many arguments', `[${'1,'.repeat(2_000)}1]`],
  ['many values', `[[${'1,'.repeat(200_000)}1]]`],
  ['many keys', `[{${Array.from({ length: 50_000 }, (_, n) => `"k${n}":1`).join()}}]`],
];

const BAD_FORMS: [string, string, string][] = [
  ['no end', MULTIPART, form(['0', '[{}]']).slice(0, -6)],
  ['no part', MULTIPART, `--${BOUNDARY}--\r\n`],
  ['nothing', MULTIPART, ''],
  ['garbage', MULTIPART, 'garbage'],
  ['another boundary', `${MULTIPART}x`, form(['0', '[{}]'])],
  ['no boundary', 'multipart/form-data', form(['0', '[{}]'])],
  ['an empty boundary', 'multipart/form-data; boundary=', form(['0', '[{}]'])],
  ['a boundary of 10,000', `multipart/form-data; boundary=${'b'.repeat(10_000)}`, ''],
  ['a part without a name', MULTIPART, form(['0', '[{}]']).replace('; name="0"', '')],
  ['a part without a head', MULTIPART, `--${BOUNDARY}\r\n\r\nx\r\n--${BOUNDARY}--\r\n`],
  ['a head without an end', MULTIPART, `--${BOUNDARY}\r\nContent-Disposition: form-data`],
  ['a file', MULTIPART, form(['0', '[{}]']).replace('name="0"', 'name="0"; filename="a.txt"')],
  ['a huge name', MULTIPART, form(['n'.repeat(500_000), '1'], ['0', '[{}]'])],
  [
    'a huge head',
    MULTIPART,
    form(['0', '[{}]']).replace('\r\n\r\n', `\r\nX: ${'y'.repeat(500_000)}\r\n\r\n`),
  ],
  ['no root', MULTIPART, form(['1', '[]'])],
  ['two roots', MULTIPART, form(['0', '[{}]'], ['0', '[{}]'])],
  ['a root that is no JSON', MULTIPART, form(['0', 'x'])],
  ['a root that refers', MULTIPART, form(['0', '["$1"]'], ['1', '"$0"'])],
  ['a prototype for a name', MULTIPART, form(['__proto__', 'x'], ['0', '["$1:__proto__:then"]'])],
  ['a stream', MULTIPART, form(['0', '["$R1"]'], ['1', 'C'])],
  [
    'many fields',
    MULTIPART,
    form(...Array.from({ length: 8_000 }, (_, n) => [`_1_${n}`, ''] as [string, string]), [
      '0',
      '["$K1"]',
    ]),
  ],
];

httpTest.describe('a body that is no action’s', () => {
  httpTest('is answered with 400, on every way that it comes in, and logs no error', async () => {
    const job = await insertJob(site.db, DISCARDED);
    const before = site.server.output().length;
    const check = async (name: string, sent: Promise<{ status: number; text: string }>) => {
      const { status, text } = await sent;
      expect(status, name).toBe(400);
      expect(text, name).not.toContain('Error');
    };
    const id = idOf(CHANGE_JOB);
    for (const [name, body] of BAD_ARGUMENTS) await check(name, call(`/jobs/${job}`, id, body));
    for (const [name, type, body] of BAD_FORMS) {
      await check(`${name}, called`, call(`/jobs/${job}`, id, body, type));
      await check(`${name}, as a form`, post(`/jobs/${job}/retry`, { 'Content-Type': type }, body));
    }
    for (const type of ['application/x-www-form-urlencoded', 'text/plain', 'application/json', ''])
      for (const body of ['', 'a=1', '[]', '{}'])
        await check(
          `${type} ${body} without an action`,
          post(`/jobs/${job}`, type ? { 'Content-Type': type } : {}, body),
        );
    await check(
      'bytes that are no text',
      post(
        `/jobs/${job}`,
        { 'Next-Action': id, 'Content-Type': 'text/plain' },
        new Uint8Array([0x5b, 0x22, 0xff, 0xfe, 0x22, 0x5d]),
      ),
    );
    await check('urlencoded', call(`/jobs/${job}`, id, 'a=1', 'application/x-www-form-urlencoded'));
    const logged = site.server.output().slice(before);
    expect(logged).not.toMatch(/^ +at |Error/m);
    expect(logged).toContain('"error":"bad_action"');
    expect((await row(site.db, 'good_jobs', job)).finished_at).not.toBeNull();
  });

  httpTest('that names its action badly is a 400, and one of another build a 404', async () => {
    const job = await insertJob(site.db, DISCARDED);
    const before = site.server.output().length;
    for (const id of [
      '',
      'x',
      'toString',
      '__proto__',
      '0'.repeat(41),
      'g'.repeat(42),
      `${idOf(CHANGE_JOB)},x`,
    ])
      expect((await call(`/jobs/${job}`, id, '[]')).status, id).toBe(400);
    for (const id of ['4'.repeat(42), `${'0'.repeat(40)}ab`])
      expect((await call(`/jobs/${job}`, id, '[]')).status, id).toBe(404);
    const [submit, other] = [
      idOf('lib/jobs/actions.ts#submitJobAction'),
      idOf('lib/cron/actions.ts#submitCron'),
    ];
    const asForm = (...fields: [string, string][]) =>
      post(`/jobs/${job}/retry`, { 'Content-Type': MULTIPART }, form(...fields));
    for (const fields of [
      [['a', '1']],
      [['$ACTION_ID_x', '']],
      [['$ACTION_ID_', '']],
      [
        [`$ACTION_ID_${submit}`, ''],
        [`$ACTION_ID_${submit}`, ''],
      ],
      [
        [`$ACTION_ID_${submit}`, ''],
        [`$ACTION_ID_${other}`, ''],
      ],
      [[`$ACTION_ID_${other}`, '']],
      [
        [`$ACTION_ID_${submit}`, ''],
        ['$ACTION_KEY', 'k'],
      ],
      [['$ACTION_REF_1', '']],
      [
        ['$ACTION_REF_1', ''],
        ['$ACTION_1:0', `{"id":"${submit}","bound":"$@1"}`],
      ],
      [
        ['$ACTION_REF_1', ''],
        ['$ACTION_1:0', `{"id":"${submit}","bound":"$@2"}`],
        ['$ACTION_1:2', '[]'],
      ],
      [
        ['$ACTION_REF_1', ''],
        ['$ACTION_1:0', `{"id":"${submit}","bound":"$@1"}`],
        ['$ACTION_1:1', '["$@1"]'],
      ],
      [
        ['$ACTION_REF_1', ''],
        ['$ACTION_1:0', 'x'],
        ['$ACTION_1:1', '[]'],
      ],
      [
        ['$ACTION_REF___proto__', ''],
        ['$ACTION___proto__:0', `{"id":"${submit}","bound":null}`],
      ],
    ] as [string, string][][])
      expect((await asForm(...fields)).status, JSON.stringify(fields)).toBe(400);
    const gone = await asForm([`$ACTION_ID_${'4'.repeat(42)}`, '']);
    expect(gone.status).toBe(404);
    expect(gone.text).toContain(en('door.unknown_action'));
    expect(site.server.output().slice(before)).not.toMatch(/^ +at |Error/m);
  });

  httpTest('of the wrong shape is no 500, whichever action it is for', async () => {
    const job = await insertJob(site.db, DISCARDED);
    const before = site.server.output().length;
    for (const [name, { id }] of builtActions())
      for (const body of [
        '[]',
        '[null]',
        '[1]',
        '["x"]',
        '[[]]',
        '[{}]',
        '[{"then":1}]',
        '["$undefined"]',
        '[{"constructor":{"name":"x"},"hasOwnProperty":1,"toString":"x"}]',
        '[null,null]',
        '[1,{"get":1}]',
        '[{"action":"retry","id":{"toString":1}},2,3]',
      ])
        for (const path of [`/jobs/${job}`, '/nowhere']) {
          const { status } = await call(path, id, body);
          expect([200, 400], `${name} ${body} ${path}`).toContain(status);
        }
    const logged = site.server.output().slice(before);
    expect(logged).not.toMatch(/TypeError|RangeError|SyntaxError|failed to/);
    expect(logged).not.toContain('bad_proxy_secret');
    expect((await call('/jobs', idOf(CHANGE_JOB), '[{"action":1}]')).status).toBe(400);
  });

  httpTest('sent to a route that is no page is not an action', async () => {
    for (const path of ['/api/jobs', '/healthz', '/readyz', '/api/jobs/export']) {
      const { status } = await call(path, idOf(CHANGE_JOB), '[]');
      expect([400, 404, 405], path).toContain(status);
    }
  });

  httpTest('is no page’s router state either', async () => {
    const before = site.server.output().length;
    for (const state of [
      'x',
      '%',
      '[]',
      '{}',
      '%5B%22%22%2C1%5D',
      encodeURIComponent('['.repeat(3_000)),
      'x'.repeat(30_000),
    ])
      for (const path of ['/jobs', '/queues']) {
        const read = await fetch(site.url(path), {
          headers: { ...signed, RSC: '1', 'Next-Router-State-Tree': state },
        });
        expect(read.status, state.slice(0, 20)).toBeLessThan(500);
        await read.text();
        const { status } = await post(
          path,
          {
            'Next-Action': idOf(CHANGE_JOB),
            'Content-Type': 'text/plain',
            'Next-Router-State-Tree': state,
          },
          '[{}]',
        );
        expect(status, state.slice(0, 20)).toBeLessThan(500);
      }
    expect(site.server.output().slice(before)).not.toMatch(/^ +at |Error/m);
  });
});

httpTest.describe('an act makes no request of its own', () => {
  const fields = (of: Record<string, string>) => {
    const data = new FormData();
    for (const [name, value] of Object.entries(of)) data.set(`_1_${name}`, value);
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
  const quiet = async (name: string, act: () => Promise<unknown>) => {
    const [before, from] = [await requests(), site.server.output().length];
    await act();
    // A request counts when its connection is done with it.
    await expect.poll(requests, `requests of ${name}`).toBeGreaterThan(before);
    expect(await requests(), `requests of ${name}`).toBe(before + 1);
    expect(site.server.output().slice(from), name).not.toMatch(
      /bad_proxy_secret|"action":"door"|failed to/,
    );
  };

  httpTest('when it ends with another page and its page has JavaScript', async () => {
    for (const [name, of, target] of await cases()) {
      const { id, page } = builtActions().get(name) ?? { id: '', page: '' };
      const path = page.replaceAll(/\[\w+\]/g, randomUUID());
      await quiet(name, async () => {
        const answer = await call(path, id, fields(of));
        expect(answer.status, name).toBe(200);
        expect(answer.headers.get('x-action-redirect'), name).toBeNull();
        expect(answer.text, name).toContain(target);
      });
    }
  });

  httpTest('when it ends with another page and there is no JavaScript', async () => {
    for (const [name, of, target] of await cases()) {
      const { id, page } = builtActions().get(name) ?? { id: '', page: '' };
      const path = page.replaceAll(/\[\w+\]/g, randomUUID());
      await quiet(name, async () => {
        const data = new FormData();
        data.set(`$ACTION_ID_${id}`, '');
        for (const [field, value] of Object.entries(of)) data.set(field, value);
        const answer = await post(path, {}, data);
        expect(answer.status, name).toBe(303);
        expect(answer.headers.get('location'), name).toContain(site.server.basePath + target);
      });
    }
  });

  httpTest('when the page that it is sent to has not got it', async () => {
    for (const path of ['/queues', '/audit', '/bulk', '/nowhere', '/performance/X']) {
      const id = await insertJob(site.db, DISCARDED);
      await quiet(path, async () => {
        const answer = await call(
          path,
          idOf(CHANGE_JOB),
          JSON.stringify([{ action: 'retry', id }]),
        );
        expect(answer.status, path).toBe(200);
        expect(answer.text, path).toContain('"outcome":"done"');
      });
      expect((await row(site.db, 'good_jobs', id)).finished_at).toBeNull();
    }
    const reveal = idOf('lib/jobs/actions.ts#revealAction');
    await quiet('reveal', async () => {
      const data = new FormData();
      data.set('_1_job', randomUUID());
      data.set('_1_reason', 'a test');
      data.set('0', '[null,"$K1"]');
      expect((await call('/queues', reveal, data)).text).toContain(en('reveal.missing'));
    });
  });
});

test.describe('in a browser', () => {
  test.use({ extraHTTPHeaders: signed });
  test('a confirmed act ends on the job’s page, and nothing was refused on the way', async ({
    page,
  }) => {
    const id = await insertJob(site.db, DISCARDED);
    const from = site.server.output().length;
    await site.open(page, `/jobs/${id}/retry`);
    await page.getByRole('button', { name: en('actions.retry.confirm'), exact: true }).click();
    await page.waitForURL((url) => url.pathname.endsWith(`/jobs/${id}`));
    expect(new URL(page.url()).search).toBe('?did=retry&outcome=done');
    expect((await row(site.db, 'good_jobs', id)).finished_at).toBeNull();
    expect(site.server.output().slice(from)).not.toContain('"outcome":"refused"');
  });
});

httpTest('a bulk target with a parameter that no list has is a bad request', async () => {
  const id = await insertJob(site.db, DISCARDED);
  const [preview, start] = ['previewBulkAction', 'startBulkAction'].map((name) =>
    idOf(`lib/bulk/actions.ts#${name}`),
  );
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
    for (const [of, given] of [
      [preview, { action, target }],
      [start, { action, target, ...rest }],
    ] as const) {
      const answer = await call('/jobs', of ?? '', JSON.stringify([given]));
      expect(answer.text, JSON.stringify(target)).toContain('"error":"console_updated"');
    }
  }
  expect((await row(site.db, 'good_jobs', id)).finished_at).not.toBeNull();
});

httpTest('the static files of the build stay for ever, and others are a 404', async () => {
  const page = await fetch(site.url('/jobs'), { headers: signed });
  const [file] = /\/_next\/static\/chunks\/[\w.-]+\.js/.exec(await page.text()) ?? [''];
  for (const method of ['GET', 'HEAD']) {
    const found = await fetch(site.url(file), { method });
    expect(found.status).toBe(200);
    expect(found.headers.get('cache-control')).toBe('public, max-age=31536000, immutable');
    expect((await found.text()).length > 0).toBe(method === 'GET');
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
