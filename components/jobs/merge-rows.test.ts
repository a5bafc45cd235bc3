import { describe, expect, it } from 'vitest';
import { mergeRows } from './merge-rows';

const rows = (text: string, version = 1) => [...text].map((id) => ({ id, version }));
const merged = (shown: string, answer: string, more: boolean) => {
  const { rows: result, left, newRows } = mergeRows(rows(shown), rows(answer, 2), more);
  return {
    rows: result.map(({ id, version }) => id + version).join(' '),
    left: [...left].join(''),
    news: newRows,
  };
};

describe('rows that are shown', () => {
  it('stay in their places and are brought up to date', () => {
    expect(merged('abc', 'cab', false)).toEqual({ rows: 'a2 b2 c2', left: '', newRows: 0 });
  });
  it('are not moved by new ones, which are counted', () => {
    expect(merged('abc', 'xyabc', false)).toEqual({ rows: 'a2 b2 c2', left: '', newRows: 2 });
  });
  it('have left when the whole list lacks them', () => {
    expect(merged('abc', 'ac', false)).toEqual({ rows: 'a2 b1 c2', left: 'b', newRows: 0 });
    expect(merged('abc', '', false)).toEqual({ rows: 'a1 b1 c1', left: 'abc', newRows: 0 });
  });
  it('may only have been pushed off a page that goes on', () => {
    expect(merged('abcd', 'xyab', true)).toEqual({ rows: 'a2 b2 c1 d1', left: '', newRows: 2 });
    expect(merged('abcd', 'xaz', true)).toEqual({ rows: 'a2 b1 c1 d1', left: '', newRows: 2 });
    expect(merged('abcd', 'xacz', true)).toEqual({ rows: 'a2 b1 c2 d1', left: 'b', newRows: 2 });
    expect(merged('abcd', 'wxyz', true)).toEqual({ rows: 'a1 b1 c1 d1', left: '', newRows: 4 });
  });
});
