import { expect, it } from 'vitest';
import { tokenAt } from './search-query';

/** The token at the `|` of a query. */
const atMark = (query: string) => tokenAt(query.replace('|', ''), query.indexOf('|'));

it.each([
  ['|', { start: 0, end: 0, field: null, prefix: '' }],
  ['cl|', { start: 0, end: 2, field: null, prefix: 'cl' }],
  ['-cl|', { start: 1, end: 3, field: null, prefix: 'cl' }],
  ['a b |', { start: 4, end: 4, field: null, prefix: '' }],
  ['class:|', { start: 6, end: 6, field: 'class', prefix: '' }],
  ['x class:Inv| y', { start: 8, end: 11, field: 'class', prefix: 'Inv' }],
  ['class：Inv|', { start: 6, end: 9, field: 'class', prefix: 'Inv' }],
  ['-queue:a,b|', { start: 9, end: 10, field: 'queue', prefix: 'b' }],
  ['label:"two w|', { start: 6, end: 12, field: 'label', prefix: 'two w' }],
  ['label:"a,b|', { start: 6, end: 10, field: 'label', prefix: 'a,b' }],
  ['Net::Re|', { start: 0, end: 7, field: null, prefix: 'Net::Re' }],
  ['class:Net::Re|', { start: 6, end: 13, field: 'class', prefix: 'Net::Re' }],
  ['請求|', { start: 0, end: 2, field: null, prefix: '請求' }],
])('finds the token at the caret of %s', (query, token) => {
  expect(atMark(query)).toEqual(token);
});
