import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseQuery, printQuery, quote } from './query-language';

const one = (query: string) => parseQuery(query)[0];
const UUID = 'd293ba0f-9b92-4871-a379-d32b0c1bd8bf';

describe('parseQuery', () => {
  it('reads the whole language', () => {
    const query = 'state:discarded class:InvoiceMailer* queue:default -label:bulk error:"Net::ReadTimeout" args.0.invoice_id:4711 created:>2h attempts:>=3 請求書';
    expect(parseQuery(query)).toMatchObject([
      { kind: 'match', field: 'state', values: ['discarded'] },
      { kind: 'match', field: 'class', values: ['InvoiceMailer*'] },
      { kind: 'match', field: 'queue', values: ['default'] },
      { kind: 'match', field: 'label', values: ['bulk'], negated: true },
      { kind: 'match', field: 'error', values: ['Net::ReadTimeout'] },
      { kind: 'argument', path: ['0', 'invoice_id'], values: ['4711'] },
      { kind: 'time', field: 'created', comparison: '>', time: { secondsAgo: 7200 } },
      { kind: 'number', field: 'attempts', comparison: '>=', values: [3] },
      { kind: 'text', text: '請求書' },
    ]);
    expect(printQuery(parseQuery(query))).toBe(query);
  });
  it('takes a comma as OR, quotes as one value, and the ideographic space as a space', () => {
    expect(one('queue:default,"a, b"')).toMatchObject({ values: ['default', 'a, b'] });
    expect(parseQuery('請求書　エラー')).toHaveLength(2);
    expect(one('"two words"')).toMatchObject({ kind: 'text', text: 'two words' });
    expect(one('-"two words"')).toMatchObject({ negated: true, text: 'two words' });
  });
  it('takes names with colons and GlobalIDs as words', () => {
    expect(one('Net::ReadTimeout')).toMatchObject({ kind: 'text', text: 'Net::ReadTimeout' });
    expect(one('gid://app/User/1')).toMatchObject({ kind: 'text', text: 'gid://app/User/1' });
  });
  it.each(['state:finished', 'statee:x', 'priority:high', 'priority:>1,2', 'created:yesterday', 'created:2h', 'batch:123', 'class:', 'args.:1', 'error:"open', 'id:xyz', 'created:>2026-13-01'])('does not understand %s', (query) =>
    expect(one(query)).toMatchObject({ kind: 'not_understood', source: query }));
  it('reads ids whole or by their first eight characters', () => {
    expect(one(`id:${UUID.toUpperCase()}`)).toMatchObject({ kind: 'ids', values: [UUID] });
    expect(one('id:d293ba0f')).toMatchObject({ kind: 'ids', values: ['d293ba0f'] });
    expect(one(`batch:${UUID}`)).toMatchObject({ kind: 'ids', field: 'batch' });
  });
  it('never throws, and keeps what was typed', () => {
    fc.assert(fc.property(fc.string({ unit: 'grapheme' }), (query) => {
      const terms = parseQuery(query);
      expect(parseQuery(printQuery(terms)).map((term) => term.kind)).toEqual(terms.map((term) => term.kind));
    }));
  });
  it('reads back what quote() wrote', () => {
    fc.assert(fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 50 }).filter((text) => !text.includes('\0') && !text.includes('\\')), (text) => {
      expect(parseQuery(quote(text))).toMatchObject([{ kind: 'text', text }]);
    }));
  });
  it('stays quick on hostile input', () => {
    const started = performance.now();
    for (const text of ['"'.repeat(5000), 'a:'.repeat(5000), '\\"'.repeat(5000), '-'.repeat(10_000), ' '.repeat(10_000), 'x:"' + '\\'.repeat(9999)]) parseQuery(text);
    expect(performance.now() - started).toBeLessThan(1000);
  });
});
