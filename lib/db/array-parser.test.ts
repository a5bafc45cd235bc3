import pg from 'pg';
import { expect, it } from 'vitest';
import { parseTextArray } from './connection';

const parserOfPg: (text: string) => unknown = pg.types.getTypeParser(1009 as number);

it.each([
  '{}',
  '{a,b}',
  '{NULL,"NULL",null}',
  String.raw`{"a b","c\"d","e\\f","{g}"}`,
  '{{a,b},{c,NULL}}',
  '[0:1]={a,b}',
  '{"","a,b","日本語 の"}',
  String.raw`{"\\","\"","\\\""}`,
])('reads %s as pg does', (text) => {
  expect(parseTextArray(text)).toEqual(parserOfPg(text));
});

it.each(['', '{', '{a', '{"a', 'a', '{a}}', '{a}b'])('rejects %j', (text) => {
  expect(() => parseTextArray(text)).toThrow('no array');
});
