import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseQuery, printQuery } from './parser';
import { quoteText, quoteValue } from './terms';

const firstTerm = (query: string) => parseQuery(query)[0];
const UUID = 'd293ba0f-9b92-4871-a379-d32b0c1bd8bf';

describe('parseQuery', () => {
  it('parses every kind of term', () => {
    const query =
      'state:discarded class:InvoiceMailer* queue:default -label:bulk error:"Net::ReadTimeout" ' +
      'args.0.invoice_id:4711 created:>2h attempts:>=3 請求書';
    expect(parseQuery(query)).toMatchObject([
      { kind: 'match', field: 'state', values: ['discarded'] },
      { kind: 'match', field: 'class', values: ['InvoiceMailer*'] },
      { kind: 'match', field: 'queue', values: ['default'] },
      { kind: 'match', field: 'label', values: ['bulk'], negated: true },
      { kind: 'match', field: 'error', values: ['Net::ReadTimeout'] },
      { kind: 'argument', path: ['0', 'invoice_id'], values: ['4711'] },
      { kind: 'time', field: 'created', bounds: [{ comparison: '>', time: { secondsAgo: 7200 } }] },
      { kind: 'number', field: 'attempts', ranges: [{ from: 3, to: null }] },
      { kind: 'text', text: '請求書' },
    ]);
    expect(printQuery(parseQuery(query))).toBe(query);
  });
  it('parses a comma as OR, quotes as one value, and the ideographic space as a space', () => {
    expect(firstTerm('queue:default,"a, b"')).toMatchObject({ values: ['default', 'a, b'] });
    expect(parseQuery('請求書　エラー')).toHaveLength(2);
    expect(firstTerm('"two words"')).toMatchObject({ kind: 'text', text: 'two words' });
    expect(firstTerm('-"two words"')).toMatchObject({ negated: true, text: 'two words' });
  });
  it('parses names with colons and GlobalIDs as words', () => {
    expect(firstTerm('Net::ReadTimeout')).toMatchObject({ kind: 'text', text: 'Net::ReadTimeout' });
    expect(firstTerm('gid://app/User/1')).toMatchObject({ kind: 'text', text: 'gid://app/User/1' });
    expect(parseQuery('RuntimeError: 注意：至急')).toMatchObject([
      { kind: 'text', text: 'RuntimeError:' },
      { kind: 'text', text: '注意：至急' },
    ]);
  });
  it('parses the full-width operators of a Japanese input method', () => {
    expect(
      parseQuery('ｃｌａｓｓ：“請求 Job”，B　－label：bulk　created：＞２ｈ attempts：＞＝３'),
    ).toMatchObject([
      { kind: 'match', field: 'class', values: ['請求 Job', 'B'] },
      { kind: 'match', field: 'label', values: ['bulk'], negated: true },
      { kind: 'time', bounds: [{ comparison: '>', time: { secondsAgo: 7200 } }] },
      { kind: 'number', ranges: [{ from: 3, to: null }] },
    ]);
    expect(firstTerm('ーラベル')).toMatchObject({ kind: 'text', negated: false });
  });
  it('parses days, times and ranges with both ends included', () => {
    expect(firstTerm('created:2026-11-01..2026-11-02')).toMatchObject({
      bounds: [
        { comparison: '>=', time: { at: '2026-11-01T00:00:00.000Z' } },
        { comparison: '<', time: { at: '2026-11-03T00:00:00.000Z' } },
      ],
    });
    expect(firstTerm('created:2026-11-01')).toMatchObject({
      bounds: [{ comparison: '>=' }, { comparison: '<', time: { at: '2026-11-02T00:00:00.000Z' } }],
    });
    expect(firstTerm('created:>2026-11-01')).toMatchObject({
      bounds: [{ comparison: '>=', time: { at: '2026-11-02T00:00:00.000Z' } }],
    });
    expect(firstTerm('finished:2h..')).toMatchObject({
      bounds: [{ comparison: '>=', time: { secondsAgo: 7200 } }],
    });
    expect(firstTerm('created:>"2026-11-01 09:00:00.123456+09:00"')).toMatchObject({
      bounds: [{ time: { at: '2026-11-01T00:00:00.123456Z' } }],
    });
    expect(firstTerm('attempts:2..4,9')).toMatchObject({
      ranges: [
        { from: 2, to: 4 },
        { from: 9, to: 9 },
      ],
    });
  });
  it('parses argument paths with keys in any script', () => {
    expect(firstTerm('args.0.請求番号:4711')).toMatchObject({
      kind: 'argument',
      path: ['0', '請求番号'],
      values: ['4711'],
    });
    expect(firstTerm('args.0."a.b":"x, y",z')).toMatchObject({
      path: ['0', 'a.b'],
      values: ['x, y', 'z'],
    });
    expect(firstTerm('args.0:gid://app/User/1')).toMatchObject({
      path: ['0'],
      values: ['gid://app/User/1'],
    });
  });
  it.each([
    ['Net::*Timeout', ['Net::', 'Timeout']],
    ['*請求書', ['', '請求書']],
    ['"a*b"', ['a*b']],
    ['a\\*b', ['a*b']],
    ['"a\\\\"*b', ['a\\', 'b']],
    ['*', ['', '']],
  ])('distinguishes wildcards from literal stars in the word %s', (query, parts) =>
    expect(firstTerm(query)).toMatchObject({ kind: 'text', parts, id: null }),
  );
  it('recognizes words that may be an id', () => {
    expect(firstTerm(UUID)).toMatchObject({
      kind: 'text',
      text: UUID,
      id: UUID.replaceAll('-', ''),
    });
    expect(firstTerm('D293BA0F-9b92')).toMatchObject({ kind: 'text', id: 'd293ba0f9b92' });
    expect(firstTerm(`"${UUID}"`)).toMatchObject({ kind: 'text', id: null });
    expect(firstTerm('d293-ba0f')).toMatchObject({ kind: 'text', id: null });
  });
  it('parses execution times and whole errors', () => {
    expect(firstTerm('attempt_failed:>24h')).toMatchObject({
      kind: 'execution',
      field: 'attempt_failed',
      bounds: [{ comparison: '>', time: { secondsAgo: 86_400 } }],
    });
    expect(firstTerm('attempted:2026-11-20')).toMatchObject({
      kind: 'execution',
      bounds: [{ comparison: '>=' }, { comparison: '<' }],
    });
    expect(firstTerm('error:="A: b, c",D*')).toMatchObject({
      kind: 'match',
      values: ['A: b, c', 'D*'],
      whole: true,
    });
    expect(firstTerm('error：＝A')).toMatchObject({ values: ['A'], whole: true });
    expect(firstTerm('error:"=A"')).not.toHaveProperty('whole');
    expect(parseQuery('Connection failed: timeout').map(({ kind }) => kind)).toEqual([
      'text',
      'text',
      'text',
    ]);
  });
  it.each([
    'attempted:yesterday',
    'attempt_failed:',
    'error:=',
    'state:finished',
    'statee:x',
    'priority:high',
    'priority:>1,x',
    'created:yesterday',
    'created:2h',
    'batch:123',
    'class:',
    'args.:1',
    'args.0..x:1',
    'error:"open',
    'id:xyz',
    'created:>2026-13-01',
    'created:>2026-02-30',
    'created:>0000-01-01',
    'created:>0001-01-01T00:00+14:00',
    'created:<9999-12-31T23:59-01:00',
    'created:..',
    'created:>9999w',
    'attempts:>..3',
    'args:1',
    'class.x:1',
    '""',
  ])('rejects %s as invalid', (query) =>
    expect(firstTerm(query)).toMatchObject({ kind: 'not_understood', source: query }),
  );
  it('parses whole ids and their first eight characters or more', () => {
    expect(firstTerm(`id:${UUID.toUpperCase()}`)).toMatchObject({
      kind: 'ids',
      values: [UUID.replaceAll('-', '')],
    });
    expect(firstTerm('id:d293ba0f')).toMatchObject({ kind: 'ids', values: ['d293ba0f'] });
    expect(firstTerm(`batch:${UUID}`)).toMatchObject({ kind: 'ids', field: 'batch' });
  });
  it('never throws and prints any query unchanged', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (query) => {
        const terms = parseQuery(query);
        expect(parseQuery(printQuery(terms)).map((term) => term.kind)).toEqual(
          terms.map((term) => term.kind),
        );
      }),
    );
  });
  it('parses the output of quoteText() as the same text', () => {
    fc.assert(
      fc.property(
        fc
          .string({ unit: 'grapheme', minLength: 1, maxLength: 50 })
          .filter((text) => !text.includes('\0') && !text.includes('\\')),
        (text) => {
          // A blank text is invalid even in quotes.
          expect(parseQuery(quoteText(text))).toMatchObject([
            text.trim() === ''
              ? { kind: 'not_understood', reason: 'value' }
              : { kind: 'text', text },
          ]);
        },
      ),
    );
  });
  it('parses the output of quoteValue() as one value without wildcards', () => {
    const text = fc.oneof(
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 50 }),
      fc.string({
        unit: fc.constantFrom(
          ':',
          '：',
          '/',
          '=',
          '＝',
          ',',
          '，',
          '"',
          '”',
          '*',
          '\\',
          '-',
          ' ',
          'a',
          '請',
        ),
        maxLength: 6,
      }),
    );
    fc.assert(
      fc.property(
        text.filter((some) => !some.includes('\0')),
        (some) => {
          expect(parseQuery(`queue:${quoteValue(some)}`)).toMatchObject([
            { kind: 'match', field: 'queue', values: [some.replaceAll(/[\\*]/g, '\\$&')] },
          ]);
        },
      ),
    );
  });
  it('parses hostile input in linear time', () => {
    const started = performance.now();
    for (const text of [
      '"'.repeat(5000),
      'a:'.repeat(5000),
      '\\"'.repeat(5000),
      '-'.repeat(10_000),
      ' '.repeat(10_000),
      'x:"' + '\\'.repeat(9999),
    ])
      parseQuery(text);
    expect(performance.now() - started).toBeLessThan(1000);
  });
});
