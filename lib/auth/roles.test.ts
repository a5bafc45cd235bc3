import { describe, expect, it } from 'vitest';
import { readRoleRules } from '../config/roles';
import { type Identity, decodeViewer, encodeViewer, roleOf } from './roles';

const who = (identity: Partial<Identity>): Identity => ({
  id: 'x',
  user: 'x',
  email: null,
  name: null,
  groups: [],
  ...identity,
});
const rules = readRoleRules({
  admin: ['group:ops admins', 'boss@example.com', 'user:42'],
  operator: ['group:ops', '@ops.example.com'],
  viewer: ['@example.com'],
});

describe('roleOf', () => {
  it('takes the strongest that any rule gives', () => {
    expect(roleOf(who({ groups: ['ops', 'ops admins'] }), rules)).toBe('admin');
    expect(roleOf(who({ groups: ['ops'], email: 'a@example.com' }), rules)).toBe('operator');
    expect(roleOf(who({ email: 'a@example.com' }), rules)).toBe('viewer');
    expect(roleOf(who({ user: '42' }), rules)).toBe('admin');
    expect(roleOf(who({ user: 'boss@example.com', groups: ['group:ops'] }), rules)).toBeNull();
  });
  it('reads addresses without case, groups and users with it', () => {
    expect(roleOf(who({ email: 'BOSS@Example.COM' }), rules)).toBe('admin');
    expect(roleOf(who({ groups: ['Ops'] }), rules)).toBeNull();
  });
  it.each([
    'a@evil-example.com',
    'a@example.com.evil.org',
    'a@sub.example.com',
    'a@xexample.com',
    'example.com',
    '@example.com',
    'a@evil.org@example.com',
    'boss@example.com@evil.org',
    'boss@example.com ',
    'a@exampleXcom',
  ])('is not deceived by %s', (email) => expect(roleOf(who({ email }), rules)).toBeNull());
  it('folds the case of ASCII alone: the Kelvin sign is no k', () => {
    const kim = readRoleRules({ admin: ['kim@example.com'], operator: [], viewer: [] });
    expect(roleOf(who({ email: '\u212Aim@example.com' }), kim)).toBeNull();
    expect(roleOf(who({ email: 'KIM@example.com' }), kim)).toBe('admin');
  });
  it('lets anybody who is signed in look, where that is said', () => {
    const open = readRoleRules({ admin: [], operator: [], viewer: ['*'] });
    expect(roleOf(who({}), open)).toBe('viewer');
    for (const name of ['admin', 'operator'] as const)
      expect(() => readRoleRules({ admin: [], operator: [], viewer: [], [name]: ['*'] })).toThrow(
        /ROLE_/,
      );
  });
  it.each([
    'group:',
    'user:',
    'alice',
    '@',
    'a@',
    '@exa mple.com',
    '*@example.com',
    '.*@example.com',
    'a@b@c',
    '/x/',
    '@*.example.com',
    'mail:a@example.com',
  ])('does not take the rule %s', (text) =>
    expect(() => readRoleRules({ admin: [text], operator: [], viewer: [] })).toThrow(
      /^ROLE_ADMINS /,
    ),
  );
  it('is quick with hostile addresses', () => {
    const started = performance.now();
    for (const email of [
      'a'.repeat(100_000) + '@',
      '@'.repeat(100_000),
      `${'a@'.repeat(50_000)}example.com`,
    ])
      roleOf(who({ email }), rules);
    expect(performance.now() - started).toBeLessThan(200);
  });
});

describe('the viewer in the header', () => {
  it.each(['alice', '山田 太郎', 'a:b%0d%0a', 'x\r\nx-gjc-viewer: admin:x', 'ユーザー@例え.jp'])(
    'carries %s as ASCII, and back',
    (id) => {
      const header = encodeViewer({ id, role: 'operator' });
      expect(header).toMatch(/^[\x21-\x7e]+$/);
      expect(decodeViewer(header)).toEqual({ id, role: 'operator', email: null, name: null });
    },
  );
  it.each([null, '', 'admin', 'root:x', 'admin:', ':x', '__proto__:x'])('%s is nobody', (header) =>
    expect(decodeViewer(header)).toBeNull(),
  );
});
