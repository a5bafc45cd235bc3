import { describe, expect, it } from 'vitest';
import { readRoleRules } from '../config/authentication';
import { type Identity, decodeViewer, encodeViewer, roleOf } from './roles';

const identityOf = (identity: Partial<Identity>): Identity => ({
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
  it('returns the strongest role that any rule grants', () => {
    expect(roleOf(identityOf({ groups: ['ops', 'ops admins'] }), rules)).toBe('admin');
    expect(roleOf(identityOf({ groups: ['ops'], email: 'a@example.com' }), rules)).toBe('operator');
    expect(roleOf(identityOf({ email: 'a@example.com' }), rules)).toBe('viewer');
    expect(roleOf(identityOf({ user: '42' }), rules)).toBe('admin');
    expect(
      roleOf(identityOf({ user: 'boss@example.com', groups: ['group:ops'] }), rules),
    ).toBeNull();
  });
  it('compares addresses case-insensitively, groups and users case-sensitively', () => {
    expect(roleOf(identityOf({ email: 'BOSS@Example.COM' }), rules)).toBe('admin');
    expect(roleOf(identityOf({ groups: ['Ops'] }), rules)).toBeNull();
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
  ])('grants no role to the look-alike address %s', (email) =>
    expect(roleOf(identityOf({ email }), rules)).toBeNull(),
  );
  it('folds only ASCII case, so the Kelvin sign does not match k', () => {
    const kim = readRoleRules({ admin: ['kim@example.com'], operator: [], viewer: [] });
    expect(roleOf(identityOf({ email: '\u212Aim@example.com' }), kim)).toBeNull();
    expect(roleOf(identityOf({ email: 'KIM@example.com' }), kim)).toBe('admin');
  });
  it('grants the viewer role to every user for * and rejects * for other roles', () => {
    const openRules = readRoleRules({ admin: [], operator: [], viewer: ['*'] });
    expect(roleOf(identityOf({}), openRules)).toBe('viewer');
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
  ])('rejects the rule %s', (text) =>
    expect(() => readRoleRules({ admin: [text], operator: [], viewer: [] })).toThrow(
      /^ROLE_ADMINS /,
    ),
  );
  it('matches hostile addresses in linear time', () => {
    const startedAt = performance.now();
    for (const email of [
      'a'.repeat(100_000) + '@',
      '@'.repeat(100_000),
      `${'a@'.repeat(50_000)}example.com`,
    ])
      roleOf(identityOf({ email }), rules);
    expect(performance.now() - startedAt).toBeLessThan(200);
  });
});

describe('encodeViewer and decodeViewer', () => {
  it.each(['alice', '山田 太郎', 'a:b%0d%0a', 'x\r\nx-gjc-viewer: admin:x', 'ユーザー@例え.jp'])(
    'encodes %s as ASCII and decodes it again',
    (id) => {
      const header = encodeViewer({ id, role: 'operator' });
      expect(header).toMatch(/^[\x21-\x7e]+$/);
      expect(decodeViewer(header)).toEqual({ id, role: 'operator', email: null, name: null });
    },
  );
  it.each([null, '', 'admin', 'root:x', 'admin:', ':x', '__proto__:x'])(
    'rejects the viewer header %s',
    (header) => expect(decodeViewer(header)).toBeNull(),
  );
});
