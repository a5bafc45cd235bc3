import { describe, expect, it } from 'vitest';
import { actionOfForm, isCallBody } from './action-body';
import { readForm } from './multipart';

const BOUNDARY = '----WebKitFormBoundaryAbCdEf0123456789';
const TYPE = `multipart/form-data; boundary=${BOUNDARY}`;
const ID = `40${'ab'.repeat(20)}`;
const form = (...fields: [string, string][]) =>
  Buffer.from(
    fields
      .map(
        ([name, value]) =>
          `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`,
      )
      .join('') + `--${BOUNDARY}--\r\n`,
  );
const isCall = (text: string) => isCallBody('text/plain;charset=UTF-8', Buffer.from(text));

describe('readForm', () => {
  it('reads a form as Node and browsers encode it', async () => {
    const data = new FormData();
    data.set('a', 'b\r\n--x\r\n');
    data.set('日本"\r\n', '語 & < \0');
    data.append('a', '');
    const request = new Request('http://localhost', { method: 'POST', body: data });
    const body = Buffer.from(await request.arrayBuffer());
    expect(readForm(request.headers.get('content-type') ?? '', body)).toEqual([
      { name: 'a', value: 'b\r\n--x\r\n' },
      { name: '日本%22%0D%0A', value: '語 & < \0' },
      { name: 'a', value: '' },
    ]);
  });
  it('accepts a quoted boundary and rejects a malformed one', () => {
    expect(readForm(`multipart/form-data; boundary="${BOUNDARY}"`, form(['a', '1']))).toHaveLength(
      1,
    );
    for (const type of [
      `multipart/form-data; boundary="${BOUNDARY}`,
      `multipart/form-data; charset=utf-8; boundary=${BOUNDARY}`,
      `multipart/mixed; boundary=${BOUNDARY}`,
      `Multipart/Form-Data; boundary=${BOUNDARY}`,
      '',
    ])
      expect(readForm(type, form(['a', '1'])), type).toBeNull();
  });
  it('readForm reads malformed bodies in linear time', () => {
    const started = performance.now();
    for (const body of [
      '\r\n--'.repeat(250_000),
      `--${BOUNDARY}\r\n`.repeat(20_000),
      `--${BOUNDARY}\r\n\r\n\r\n`.repeat(20_000),
      `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${'"'.repeat(900_000)}`,
      `\r\n--${BOUNDARY.slice(0, -1)}`.repeat(20_000),
    ])
      for (const type of [TYPE, 'text/plain']) {
        expect(isCallBody(type, Buffer.from(body))).toBe(false);
        expect(actionOfForm(type, Buffer.from(body))).toBeNull();
      }
    for (const text of ['[', '{', '"', '\\', '{"a":', '[[', '$', '"$K1",', ']', '\u0000', '\ud800'])
      expect(isCall(`[${text.repeat(Math.floor(1_000_000 / text.length))}`)).toBe(false);
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});

describe('isCallBody', () => {
  it.each([
    '[]',
    '[{"action":"retry","id":"x","scheduledAt":"$undefined","reason":"$$5 for it"}]',
    '[{"target":{"kind":"filter","query":"state=discarded","batchId":null},"cutOff":{"at":"x","txid":"1"}}]',
    '["$NaN"]',
    `[{"ids":[${Array.from({ length: 500 }, (_, n) => `"${n}"`).join()}]}]`,
  ])('isCallBody accepts the arguments %s', (text) => expect(isCall(text)).toBe(true));
  it('accepts a form argument only with exactly its own fields', () => {
    expect(isCallBody(TYPE, form(['_1_a', 'b'], ['0', '["$K1"]']))).toBe(true);
    expect(isCallBody(TYPE, form(['0', '[null,"$K1"]']))).toBe(true);
    expect(isCallBody(TYPE, form(['_2_a', 'b'], ['0', '["$K1"]']))).toBe(false);
    expect(isCallBody(TYPE, form(['a', 'b'], ['0', '["$K1"]']))).toBe(false);
    expect(isCall('["$K1"]')).toBe(false);
  });
});

describe('actionOfForm', () => {
  it('returns the action id of a form sent without JavaScript', () => {
    const bound = `{"id":"${ID}","bound":"$@1"}`;
    for (const fields of [
      [
        [`$ACTION_ID_${ID}`, ''],
        ['id', 'x'],
      ],
      [
        ['$ACTION_REF_1', ''],
        ['$ACTION_1:0', bound],
        ['$ACTION_1:1', '[null]'],
        ['$ACTION_KEY', 'k'],
      ],
      [
        ['$ACTION_REF_1', ''],
        ['$ACTION_1:0', `{"id":"${ID}","bound":null}`],
      ],
    ] as [string, string][][])
      expect(actionOfForm(TYPE, form(...fields)), JSON.stringify(fields)).toBe(ID);
    expect(actionOfForm(TYPE, form(['id', 'x']))).toBeNull();
  });
});
