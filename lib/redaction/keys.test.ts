import { describe, expect, it } from 'vitest';
import { GlobSet, matchesGlob } from '../config/redaction-rules';
import { SecretNameMatcher } from './key-names';

describe('GlobSet', () => {
  const matchesByRegExp = (pattern: string, text: string) =>
    new RegExp(`^${pattern.replaceAll(/[.]/g, '\\.').replaceAll('*', '[^]*')}$`).test(text);
  it('GlobSet matches the same texts as the equivalent regular expression', () => {
    const patterns = ['a*a', '*a*', 'a*b*c', '*ab*ab*', '**', 'a**b', 'a', '*b', 'ab*', '*a*b*a*'];
    const texts = ['', 'a', 'aa', 'ab', 'aba', 'abab', 'abc', 'acb', 'aXbXc', 'b', 'ba', 'abba'];
    for (const pattern of patterns)
      for (const text of texts) {
        const expected = matchesByRegExp(pattern, text);
        expect(matchesGlob(pattern, text), `${pattern} ${text}`).toBe(expected);
        expect(new GlobSet([pattern, 'never']).has(text), `${pattern} ${text}`).toBe(expected);
      }
  });
  it('matches configured names in any case style, except the configured exceptions', () => {
    const keys = new SecretNameMatcher({
      keys: ['internal_*', 'customerCode', 'x*9'],
      except: ['*_pin'],
    });
    for (const name of ['internal_id', 'internalId', 'customer_code', 'x19', 'password'])
      expect(keys.isSecret(name), name).toBe(true);
    for (const name of ['external_id', 'x18', 'card_pin', 'cardPin'])
      expect(keys.isSecret(name), name).toBe(false);
  });
  it('matches 100,000 long names against 200 patterns with several stars within 4 s', () => {
    const patterns = Array.from({ length: 200 }, (_, n) => `*a*a*a*a*${n}*b`);
    const keys = new SecretNameMatcher({ keys: patterns, except: [] });
    const before = process.cpuUsage().user;
    for (let n = 0; n < 100_000; n += 1) keys.isSecret(`${'a'.repeat(60)}${n}`);
    expect((process.cpuUsage().user - before) / 1_000).toBeLessThan(4_000);
  });
});

describe('SecretNameMatcher.forText', () => {
  it('a matcher for one text matches each distinct name once', () => {
    const names = Array.from(
      { length: 12_000 },
      (_, n) => `token_${n.toString(36).replaceAll(/\d/g, 'x')}q`,
    );
    const keys = new SecretNameMatcher({ keys: [], except: [] });
    const calls: string[] = [];
    const { isSecret } = keys;
    keys.isSecret = (name) => {
      calls.push(name);
      return isSecret.call(keys, name);
    };
    const matcher = keys.forText(100);
    for (let pass = 0; pass < 3; pass += 1)
      for (const name of names) expect(matcher.isSecret(name)).toBe(true);
    expect(calls.length).toBe(new Set(names).size);
  });
  it('forText matches the same names as its matcher', () => {
    const keys = new SecretNameMatcher({ keys: [], except: [] });
    for (const name of [
      'cvv2',
      '2fa_code',
      'last4',
      'card_last4',
      'token12345',
      'x12',
      'api_key_22',
    ])
      expect(keys.forText(100_000).isSecret(name), name).toBe(keys.isSecret(name));
    expect(keys.isSecret('token12')).toBe(true);
    expect(keys.isSecret('mfa22')).toBe(false);
    const configured = new SecretNameMatcher({ keys: ['code12'], except: ['token34'] });
    expect(
      ['code12', 'code13', 'token34', 'token35'].map((name) => configured.isSecret(name)),
    ).toEqual([true, false, false, true]);
  });
});
