import { describe, expect, it } from 'vitest';
import { identityOf } from './claims';

const names = { user: 'sub', email: 'email', groups: 'groups', trustEmail: true };
/** Unicode spaces, a byte order mark, zero-width characters and directional marks. */
const INVISIBLE_CHARACTERS = [
  '\u00a0',
  '\u3000',
  '\u2009',
  '\ufeff',
  '\u200b',
  '\u200d',
  '\u2060',
  '\u00ad',
  '\u202e',
  '\u200f',
  ' ',
  '\t',
  '\n',
];

describe('identityOf', () => {
  it.each(INVISIBLE_CHARACTERS)('rejects names that differ only by %j', (char) => {
    for (const sub of [`root${char}`, `${char}root`]) expect(identityOf({ sub }, names)).toBeNull();
    for (const changed of [`job-admins${char}`, `${char}job-admins`])
      expect(identityOf({ sub: 'a', groups: [changed, 'staff'] }, names)?.groups).toEqual([
        'staff',
      ]);
    expect(identityOf({ sub: 'a', email: `${char}boss@example.com` }, names)).toMatchObject({
      id: 'a',
      email: null,
    });
  });
  it('accepts names with inner spaces and in any script', () => {
    expect(identityOf({ sub: '山田 太郎', groups: ['On Call'], name: ' Taro ' }, names)).toEqual({
      id: '山田 太郎',
      user: '山田 太郎',
      email: null,
      name: 'Taro',
      groups: ['On Call'],
    });
  });
});
