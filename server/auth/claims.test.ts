import { describe, expect, it } from 'vitest';
import { identityOf } from './claims';

const names = { user: 'sub', email: 'email', groups: 'groups', trustEmail: true };
/** No-break, ideographic and thin space, a byte order mark, what has no width, and marks of direction. */
const LOOK_ALIKES = [
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

describe('what verified claims say of a person', () => {
  it.each(LOOK_ALIKES)('is not what they say without %j', (sign) => {
    for (const sub of [`root${sign}`, `${sign}root`]) expect(identityOf({ sub }, names)).toBeNull();
    for (const changed of [`job-admins${sign}`, `${sign}job-admins`])
      expect(identityOf({ sub: 'a', groups: [changed, 'staff'] }, names)?.groups).toEqual([
        'staff',
      ]);
    expect(identityOf({ sub: 'a', email: `${sign}boss@example.com` }, names)).toMatchObject({
      id: 'a',
      email: null,
    });
  });
  it('may have spaces and any script within', () => {
    expect(identityOf({ sub: '山田 太郎', groups: ['On Call'], name: ' Taro ' }, names)).toEqual({
      id: '山田 太郎',
      user: '山田 太郎',
      email: null,
      name: 'Taro',
      groups: ['On Call'],
    });
  });
});
