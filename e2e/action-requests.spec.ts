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
import { expect, httpTest } from './support/test';

/* Malformed Server Action requests behind a sign-in proxy: none makes Next fail. */
const site = useSite('action requests', BEHIND_PROXY);
const { post, call } = actionRequests(site);

const BOUNDARY = '----WebKitFormBoundaryAbCdEfGhIjKlMnOp';
const MULTIPART = `multipart/form-data; boundary=${BOUNDARY}`;
const part = (name: string, value: string) =>
  `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
const form = (...fields: [string, string][]) =>
  `${fields.map(([name, value]) => part(name, value)).join('')}--${BOUNDARY}--\r\n`;

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

httpTest.describe('a malformed action request', () => {
  httpTest('a malformed action gets a 400 in every encoding and logs no error', async () => {
    const job = await insertJob(site.db, DISCARDED);
    const before = site.server.output().length;
    const check = async (name: string, request: Promise<{ status: number; text: string }>) => {
      const { status, text } = await request;
      expect(status, name).toBe(400);
      expect(text, name).not.toContain('Error');
    };
    const id = serverActionId(CHANGE_JOB);
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
    expect((await readRow(site.db, 'good_jobs', job)).finished_at).not.toBeNull();
  });

  httpTest('a malformed action id gets a 400 and an id of another build a 404', async () => {
    const job = await insertJob(site.db, DISCARDED);
    const before = site.server.output().length;
    for (const id of [
      '',
      'x',
      'toString',
      '__proto__',
      '0'.repeat(41),
      'g'.repeat(42),
      `${serverActionId(CHANGE_JOB)},x`,
    ])
      expect((await call(`/jobs/${job}`, id, '[]')).status, id).toBe(400);
    for (const id of ['4'.repeat(42), `${'0'.repeat(40)}ab`])
      expect((await call(`/jobs/${job}`, id, '[]')).status, id).toBe(404);
    const submit = serverActionId('lib/jobs/actions.ts#submitJobAction');
    const cronActionId = serverActionId('lib/cron/actions.ts#submitCron');
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
        [`$ACTION_ID_${cronActionId}`, ''],
      ],
      [[`$ACTION_ID_${cronActionId}`, '']],
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
    const unknownAction = await asForm([`$ACTION_ID_${'4'.repeat(42)}`, '']);
    expect(unknownAction.status).toBe(404);
    expect(unknownAction.text).toContain(en('gateway.unknown_action'));
    expect(site.server.output().slice(before)).not.toMatch(/^ +at |Error/m);
  });

  httpTest('an action with arguments of the wrong shape never gets a 500', async () => {
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
    expect((await call('/jobs', serverActionId(CHANGE_JOB), '[{"action":1}]')).status).toBe(400);
  });

  httpTest('a POST to a route that is not a page never runs an action', async () => {
    for (const path of ['/api/jobs', '/healthz', '/readyz', '/api/jobs/export']) {
      const { status } = await call(path, serverActionId(CHANGE_JOB), '[]');
      expect([400, 404, 405], path).toContain(status);
    }
  });

  httpTest('an action with a malformed router state never gets a 500', async () => {
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
        const response = await fetch(site.url(path), {
          headers: { ...proxyHeaders, RSC: '1', 'Next-Router-State-Tree': state },
        });
        expect(response.status, state.slice(0, 20)).toBeLessThan(500);
        await response.text();
        const { status } = await post(
          path,
          {
            'Next-Action': serverActionId(CHANGE_JOB),
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
