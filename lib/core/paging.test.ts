import { describe, expect, it } from 'vitest';
import { parseCursor, toPage } from './urls';

const ID = 'd293ba0f-9b92-4871-a379-d32b0c1bd8bf';
const params = (text: string) => new URLSearchParams(text);
const row = (id: string) => ({ id, sortAt: `at-${id}` });

describe('parseCursor', () => {
  it('parses both directions, with or without a time', () => {
    expect(parseCursor(params(`after_id=${ID}`))).toEqual({ direction: 'after', id: ID, at: null });
    expect(parseCursor(params(`before_id=${ID}&before_at=2026-11-23T12:29:21.393712Z`))).toEqual({
      direction: 'before',
      id: ID,
      at: '2026-11-23T12:29:21.393712Z',
    });
    expect(parseCursor(params('state=x'))).toBeNull();
  });
  it('converts times in any zone to UTC', () => {
    for (const at of [
      '2026-11-20T19:00:00.123456+09:00',
      '2026-11-20 10:00:00.123456 UTC',
      '2026-11-20 10:00:00.123456',
    ])
      expect(parseCursor(new URLSearchParams({ after_id: ID, after_at: at }))).toMatchObject({
        at: '2026-11-20T10:00:00.123456Z',
      });
    expect(
      parseCursor(
        new URLSearchParams({ after_id: ID, after_at: '-5/2026-11-20T19:00:00+09:00' }),
        () => true,
      ),
    ).toMatchObject({ at: '-5/2026-11-20T10:00:00.000000Z' });
    expect(
      parseCursor(new URLSearchParams({ after_id: ID, after_at: 'infinity' }), () => true),
    ).toMatchObject({ at: 'infinity' });
  });
  it.each([
    'after_id=x',
    `after_at=2026-11-23T12:29:21Z`,
    `after_id=${ID}&after_at=yesterday`,
    `after_id=${ID}&after_at=2026-13-45T99:00:00Z`,
    'after_id=',
  ])('parseCursor returns not_understood for %s', (text) => {
    expect(parseCursor(params(text))).toBe('not_understood');
  });
});

describe('toPage', () => {
  it('links an empty page to the page it was reached from', () => {
    const cursor = { direction: 'after' as const, id: ID, at: 'at-z' };
    expect(toPage([], cursor, 2)).toEqual({
      rows: [],
      previous: { ...cursor, direction: 'before' },
      next: null,
    });
    expect(toPage([], { ...cursor, direction: 'before' }, 2)).toEqual({
      rows: [],
      previous: null,
      next: cursor,
    });
    expect(toPage([], null, 2)).toEqual({ rows: [], previous: null, next: null });
  });
  it('links to the previous and the next page where they exist', () => {
    const cursor = { direction: 'after' as const, id: ID, at: null };
    expect(toPage([row('a'), row('b'), row('c')], null, 2)).toEqual({
      rows: [row('a'), row('b')],
      previous: null,
      next: { direction: 'after', id: 'b', at: 'at-b' },
    });
    expect(toPage([row('a')], cursor, 2)).toMatchObject({
      previous: { direction: 'before', id: 'a' },
      next: null,
    });
    expect(toPage([row('b'), row('a')], { ...cursor, direction: 'before' }, 2)).toMatchObject({
      rows: [row('a'), row('b')],
      previous: null,
      next: { id: 'b' },
    });
    expect(toPage([], cursor, 2)).toEqual({ rows: [], previous: null, next: null });
  });
});
