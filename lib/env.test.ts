import { describe, expect, it } from 'vitest';
import { EnvError, readEnv } from './env';

const URL_ = { DATABASE_URL: 'postgres://localhost/app' };

describe('readEnv', () => {
  it('has a default for everything but the database', () => {
    expect(readEnv(URL_)).toMatchObject({ port: 3000, host: 'localhost', basePath: '', databaseSchema: 'public', databasePoolSize: 8, timeZone: 'UTC', defaultLocale: 'en', readOnly: false });
    expect(readEnv({ ...URL_, BASE_PATH: '/', PORT: '', TIME_ZONE: '' })).toMatchObject({ basePath: '', port: 3000, timeZone: 'UTC' });
  });
  it.each([
    [{ DATABASE_URL: undefined }, 'DATABASE_URL'],
    [{ DATABASE_URL: 'mysql://x' }, 'DATABASE_URL'],
    [{ PORT: '70000' }, 'PORT'],
    [{ PORT: '-1' }, 'PORT'],
    [{ DATABASE_POOL_SIZE: '0' }, 'DATABASE_POOL_SIZE'],
    [{ BASE_PATH: 'ops' }, 'BASE_PATH'],
    [{ BASE_PATH: '/ops/' }, 'BASE_PATH'],
    [{ BASE_PATH: '/ops/../x' }, 'BASE_PATH'],
    [{ BASE_PATH: '/a b' }, 'BASE_PATH'],
    [{ BASE_PATH: '/a"b' }, 'BASE_PATH'],
    [{ PUBLIC_URL: 'ftp://x' }, 'PUBLIC_URL'],
    [{ PUBLIC_URL: 'https://x.example/other', BASE_PATH: '/ops' }, 'PUBLIC_URL'],
    [{ HOST: '0.0.0.0' }, 'HOST'],
    [{ AUTH_MODE: 'oidc' }, 'AUTH_MODE'],
    [{ READ_ONLY: 'yes' }, 'READ_ONLY'],
    [{ DEFAULT_LOCALE: 'de' }, 'DEFAULT_LOCALE'],
    [{ TIME_ZONE: 'Mars/Base' }, 'TIME_ZONE'],
    [{ GOOD_JOB_DEQUEUE_QUERY_SORT: 'id' }, 'GOOD_JOB_DEQUEUE_QUERY_SORT'],
    [{ GOOD_JOB_APP_NAME: 'a/b' }, 'GOOD_JOB_APP_NAME'],
  ])('refuses %o in one sentence that names it', (bad, name) => {
    expect(() => readEnv({ ...URL_, ...bad })).toThrow(EnvError);
    expect(() => readEnv({ ...URL_, ...bad })).toThrow(new RegExp(`^${name} [^\\n]+\\.$`));
  });
});
