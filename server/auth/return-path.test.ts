import { describe, expect, it } from 'vitest';
import { safeReturnPath, withReturnPath } from './return-path';

describe('safeReturnPath', () => {
  it.each(['/jobs', '/', '/jobs?q=%E8%AB%8B&state=x', '/batches/1?a=//b', '/performance/A::B'])(
    'accepts the return path %s',
    (path) => expect(safeReturnPath(path, '')).toBe(path),
  );
  it.each([
    '',
    'jobs',
    '//evil.example',
    '///evil.example',
    '/\\evil.example',
    '\\\\evil.example',
    '/\t/evil.example',
    '/\n/evil.example',
    'https://evil.example',
    'https:evil.example',
    'javascript:alert(1)',
    '/ x',
    '/é',
    '/x\0',
    '/..//evil.example',
    '/a/..//evil.example',
    '/%2e%2e//x',
    '/%2fevil.example',
    '/%5cevil.example',
    '/auth/sign-in',
    '/auth/callback?code=x',
    '/api/jobs',
    `/${'a'.repeat(3_000)}`,
    null,
  ])('replaces the unsafe return path %s with the root', (path) =>
    expect(safeReturnPath(path, '')).toBe('/'),
  );
  it.each([
    '/jobs',
    '/ops',
    '/ops/good_jobx',
    '/ops/good_job/../x',
    '/ops/good_job/%2e%2e/x',
    '/ops/good_job/./../../x',
  ])('replaces the return path %s outside of the base path', (path) =>
    expect(safeReturnPath(path, '/ops/good_job')).toBe('/ops/good_job'),
  );
  it('accepts a path below the base path', () =>
    expect(safeReturnPath('/ops/good_job/jobs?x=1', '/ops/good_job')).toBe(
      '/ops/good_job/jobs?x=1',
    ));
});

describe('withReturnPath', () => {
  it('adds every URL that safeReturnPath accepts', () => {
    for (const url of ['/jobs', '/jobs?q=a%26b&x=1', `/jobs?q=${'%E8'.repeat(660)}`]) {
      const location = withReturnPath('/auth/sign-in', url);
      const query = new URLSearchParams(location.split('?')[1]);
      expect(safeReturnPath(query.get('return_to'), '')).toBe(url);
    }
  });
  it('omits a URL that would make the redirect too long', () => {
    for (const url of [`/jobs?q=${'%E8'.repeat(2_600)}`, `/${'a'.repeat(2_000)}`])
      expect(withReturnPath('/auth/sign-in', url)).toBe('/auth/sign-in');
    expect(withReturnPath('/auth/sign-in', `/jobs?q=${'%'.repeat(1_992)}`).length).toBeLessThan(
      12_000,
    );
  });
});
