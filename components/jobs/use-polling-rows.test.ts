import { describe, expect, it } from 'vitest';
import { mergeRows } from './use-polling-rows';

const rows = (text: string, version = 1) => [...text].map((id) => ({ id, version }));
const merge = (current: string, response: string, hasMore: boolean) => {
  const {
    rows: result,
    removedIds,
    newRows,
  } = mergeRows(rows(current), rows(response, 2), hasMore);
  return {
    rows: result.map(({ id, version }) => id + version).join(' '),
    removed: [...removedIds].join(''),
    newRows,
  };
};

describe('mergeRows', () => {
  it('mergeRows updates rows without moving them', () => {
    expect(merge('abc', 'cab', false)).toEqual({ rows: 'a2 b2 c2', removed: '', newRows: 0 });
  });
  it('mergeRows counts new rows instead of inserting them', () => {
    expect(merge('abc', 'xyabc', false)).toEqual({ rows: 'a2 b2 c2', removed: '', newRows: 2 });
  });
  it('mergeRows marks a row as removed if a complete response lacks it', () => {
    expect(merge('abc', 'ac', false)).toEqual({ rows: 'a2 b1 c2', removed: 'b', newRows: 0 });
    expect(merge('abc', '', false)).toEqual({ rows: 'a1 b1 c1', removed: 'abc', newRows: 0 });
  });
  it('mergeRows keeps rows that new ones may have pushed off a full page', () => {
    expect(merge('abcd', 'xyab', true)).toEqual({ rows: 'a2 b2 c1 d1', removed: '', newRows: 2 });
    expect(merge('abcd', 'xaz', true)).toEqual({ rows: 'a2 b1 c1 d1', removed: '', newRows: 2 });
    expect(merge('abcd', 'xacz', true)).toEqual({ rows: 'a2 b1 c2 d1', removed: 'b', newRows: 2 });
    expect(merge('abcd', 'wxyz', true)).toEqual({ rows: 'a1 b1 c1 d1', removed: '', newRows: 4 });
  });
});
