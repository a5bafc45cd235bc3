import pg from 'pg';
import { expect, it } from 'vitest';
import { parseTextArray } from './connection';

const pgParser: (text: string) => unknown = pg.types.getTypeParser(1009 as number);

it.each([
  '{}',
  '{a,b}',
  '{NULL,"NULL",null}',
  String.raw`{"a b","c\"d","e\\f","{g}"}`,
  '{{a,b},{c,NULL}}',
  '[0:1]={a,b}',
  '{"","a,b","日本語 の"}',
  String.raw`{"\\","\"","\\\""}`,
])('parses the array %s like pg', (text) => {
  expect(parseTextArray(text)).toEqual(pgParser(text));
});

it.each(['', '{', '{a', '{"a', 'a', '{a}}', '{a}b'])('rejects the malformed array %j', (text) => {
  expect(() => parseTextArray(text)).toThrow('not a Postgres array');
});
