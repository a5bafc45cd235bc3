import { describe, expect, it } from 'vitest';
import { Keys } from './key-names';
import { GlobSet, matchesGlob } from './path-rules';

describe('patterns of names', () => {
  const matchesSlowly = (pattern: string, text: string) =>
    new RegExp(`^${pattern.replaceAll(/[.]/g, '\\.').replaceAll('*', '[^]*')}$`).test(text);
  it('match what their stars can stand for', () => {
    const patterns = ['a*a', '*a*', 'a*b*c', '*ab*ab*', '**', 'a**b', 'a', '*b', 'ab*', '*a*b*a*'];
    const texts = ['', 'a', 'aa', 'ab', 'aba', 'abab', 'abc', 'acb', 'aXbXc', 'b', 'ba', 'abba'];
    for (const pattern of patterns)
      for (const text of texts) {
        const expected = matchesSlowly(pattern, text);
        expect(matchesGlob(pattern, text), `${pattern} ${text}`).toBe(expected);
        expect(new GlobSet([pattern, 'never']).has(text), `${pattern} ${text}`).toBe(expected);
      }
  });
  it('hide a name in any style, and show those that are excepted', () => {
    const keys = new Keys({ keys: ['internal_*', 'customerCode', 'x*9'], except: ['*_pin'] });
    for (const name of ['internal_id', 'internalId', 'customer_code', 'x19', 'password'])
      expect(keys.isSecret(name), name).toBe(true);
    for (const name of ['external_id', 'x18', 'card_pin', 'cardPin'])
      expect(keys.isSecret(name), name).toBe(false);
  });
  it('compare 100,000 long names with 200 patterns of several stars in time', () => {
    const patterns = Array.from({ length: 200 }, (_, n) => `*a*a*a*a*${n}*b`);
    const keys = new Keys({ keys: patterns, except: [] });
    const before = process.cpuUsage().user;
    for (let n = 0; n < 100_000; n += 1) keys.isSecret(`${'a'.repeat(60)}${n}`);
    expect((process.cpuUsage().user - before) / 1_000).toBeLessThan(4_000);
  });
});

describe('names of one text', () => {
  it('are judged once each, however many there are', () => {
    const names = Array.from(
      { length: 12_000 },
      (_, n) => `token_${n.toString(36).replaceAll(/\d/g, 'x')}q`,
    );
    const keys = new Keys({ keys: [], except: [] });
    const calls: string[] = [];
    const { isSecret } = keys;
    keys.isSecret = (name) => {
      calls.push(name);
      return isSecret.call(keys, name);
    };
    const ofText = keys.ofText(100);
    for (let pass = 0; pass < 3; pass += 1)
      for (const name of names) expect(ofText.isSecret(name)).toBe(true);
    expect(calls.length).toBe(new Set(names).size);
  });
  it('are judged by the same rules as any', () => {
    const keys = new Keys({ keys: [], except: [] });
    for (const name of [
      'cvv2',
      '2fa_code',
      'last4',
      'card_last4',
      'token12345',
      'x12',
      'api_key_22',
    ])
      expect(keys.ofText(100_000).isSecret(name), name).toBe(keys.isSecret(name));
    expect(keys.isSecret('token12')).toBe(true);
    expect(keys.isSecret('mfa22')).toBe(false);
    const own = new Keys({ keys: ['code12'], except: ['token34'] });
    expect(['code12', 'code13', 'token34', 'token35'].map((name) => own.isSecret(name))).toEqual([
      true,
      false,
      false,
      true,
    ]);
  });
});
