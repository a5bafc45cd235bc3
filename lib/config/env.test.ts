import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { ENV_NAMES, readEnv } from './environment';
import { EnvError, fillLink } from './values';

const RANDOM = '7f3a9c0e5b2d4816a7c3e9f0d1b5a264';
const URL_ = { DATABASE_URL: 'postgres://localhost/app' };

it('reads exactly the variables that docs/configuration.md documents', () => {
  const rows = readFileSync('docs/configuration.md', 'utf8')
    .split('\n')
    .filter((line) => line.startsWith('| `'));
  const documented = new Set(
    rows.flatMap((row) =>
      [...(row.split('|')[1] ?? '').matchAll(/`([A-Z][A-Z_]+)`/g)].map(([, name]) => name),
    ),
  );
  const supported = ENV_NAMES.filter((name) => name !== 'DEMO'); // set by `npm run demo` only
  expect(supported.filter((name) => !documented.has(name))).toEqual([]);
  expect([...documented].filter((name) => name && !supported.includes(name))).toEqual([]);
});

describe('readEnv', () => {
  it('limits the schema name to 63 bytes, as Postgres does, not to 63 characters', () => {
    const schema = (name: string) => readEnv({ ...URL_, DATABASE_SCHEMA: name }).databaseSchema;
    expect(schema('ジョブ'.repeat(7))).toBe('ジョブ'.repeat(7));
    expect(() => schema('ジョブ'.repeat(8))).toThrow('DATABASE_SCHEMA');
    expect(schema('a'.repeat(63))).toBe('a'.repeat(63));
    expect(() => schema('a'.repeat(64))).toThrow('DATABASE_SCHEMA');
  });
  it('has a default for every variable except DATABASE_URL', () => {
    expect(readEnv(URL_)).toMatchObject({
      port: 3000,
      host: 'localhost',
      basePath: '',
      databaseSchema: 'public',
      databasePoolSize: 8,
      timeZone: null,
      defaultLocale: 'en',
      readOnly: false,
    });
    expect(readEnv({ ...URL_, BASE_PATH: '/', PORT: '', TIME_ZONE: '' })).toMatchObject({
      basePath: '',
      port: 3000,
      timeZone: null,
    });
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
    [{ AUTH_MODE: 'saml' }, 'AUTH_MODE'],
    [{ AUTH_MODE: 'none', HOST: '0.0.0.0' }, 'HOST'],
    [{ AUTH_MODE: 'oidc' }, 'ROLE_ADMINS'],
    [{ AUTH_MODE: 'proxy-header', ROLE_VIEWERS: '*' }, 'AUTH_PROXY_SECRET'],
    [
      { AUTH_MODE: 'proxy-header', ROLE_VIEWERS: '*', AUTH_PROXY_SECRET: 'short' },
      'AUTH_PROXY_SECRET',
    ],
    [
      {
        AUTH_MODE: 'proxy-header',
        ROLE_VIEWERS: '*',
        AUTH_PROXY_SECRET: RANDOM,
        AUTH_SECRET_HEADER: 'X-Forwarded-User',
      },
      'AUTH_SECRET_HEADER',
    ],
    [
      {
        AUTH_MODE: 'proxy-header',
        ROLE_VIEWERS: '*',
        AUTH_PROXY_SECRET: RANDOM,
        AUTH_USER_HEADER: 'Cookie',
      },
      'AUTH_USER_HEADER',
    ],
    [{ AUTH_MODE: 'proxy-jwt', ROLE_ADMINS: '*' }, 'ROLE_ADMINS'],
    [{ AUTH_MODE: 'proxy-jwt', ROLE_VIEWERS: 'alice' }, 'ROLE_VIEWERS'],
    [{ AUTH_MODE: 'proxy-jwt', ROLE_VIEWERS: '*@example.com' }, 'ROLE_VIEWERS'],
    [{ AUTH_MODE: 'proxy-jwt', ROLE_VIEWERS: '*' }, 'JWT_ISSUER'],
    [{ AUTH_MODE: 'proxy-jwt', ROLE_VIEWERS: '*', JWT_PRESET: 'iap' }, 'JWT_AUDIENCE'],
    [{ AUTH_MODE: 'proxy-jwt', ROLE_VIEWERS: '*', JWT_PRESET: 'alb' }, 'JWT_ALB_SIGNER'],
    [
      {
        AUTH_MODE: 'proxy-jwt',
        ROLE_VIEWERS: '*',
        JWT_PRESET: 'iap',
        JWT_AUDIENCE: 'a',
        JWT_ALGORITHMS: 'HS256',
      },
      'JWT_ALGORITHMS',
    ],
    [
      {
        AUTH_MODE: 'proxy-jwt',
        ROLE_VIEWERS: '*',
        JWT_PRESET: 'iap',
        JWT_AUDIENCE: 'a',
        JWT_ALGORITHMS: 'none',
      },
      'JWT_ALGORITHMS',
    ],
    [
      { AUTH_MODE: 'oidc', ROLE_VIEWERS: '*', OIDC_ISSUER: 'http://idp.example.com' },
      'OIDC_ISSUER',
    ],
    [
      {
        AUTH_MODE: 'oidc',
        ROLE_VIEWERS: '*',
        OIDC_ISSUER: 'https://login.microsoftonline.com/common/v2.0',
      },
      'OIDC_ISSUER',
    ],
    [
      { AUTH_MODE: 'oidc', ROLE_VIEWERS: '*', OIDC_ISSUER: 'https://idp.example.com' },
      'PUBLIC_URL',
    ],
    [
      {
        AUTH_MODE: 'oidc',
        ROLE_VIEWERS: '*',
        OIDC_ISSUER: 'https://idp.example.com',
        PUBLIC_URL: 'https://ops.example.com',
      },
      'SESSION_SECRET',
    ],
    [
      {
        AUTH_MODE: 'oidc',
        ROLE_VIEWERS: '*',
        OIDC_ISSUER: 'https://idp.example.com',
        PUBLIC_URL: 'https://ops.example.com',
        SESSION_SECRET: `${RANDOM},short`,
      },
      'SESSION_SECRET',
    ],
    [
      {
        AUTH_MODE: 'oidc',
        ROLE_VIEWERS: '*',
        OIDC_ISSUER: 'https://idp.example.com',
        PUBLIC_URL: 'https://ops.example.com',
        SESSION_SECRET: RANDOM,
      },
      'OIDC_CLIENT_ID',
    ],
    [{ ALLOWED_HOSTS: 'http://x' }, 'ALLOWED_HOSTS'],
    [{ TRUSTED_PROXIES: 'proxy.internal' }, 'TRUSTED_PROXIES'],
    [{ TRUSTED_PROXIES: '10.0.0.0/8, 10.0.0.0/33' }, 'TRUSTED_PROXIES'],
    [{ TRUSTED_PROXIES: '[::1]' }, 'TRUSTED_PROXIES'],
    [{ TRUSTED_PROXIES: '127.0.0.1:3000' }, 'TRUSTED_PROXIES'],
    [{ READ_ONLY: 'yes' }, 'READ_ONLY'],
    [{ DEFAULT_LOCALE: 'de' }, 'DEFAULT_LOCALE'],
    [{ AUDIT_REASON: 'yes' }, 'AUDIT_REASON'],
    [{ JWT_PRESET: 'aws' }, 'JWT_PRESET'],
    [{ TIME_ZONE: 'Mars/Base' }, 'TIME_ZONE'],
    [{ APP_LABEL: 'x'.repeat(41) }, 'APP_LABEL'],
    [{ APP_ENVIRONMENT: 'x'.repeat(41) }, 'APP_ENVIRONMENT'],
    [{ APP_COLOR: 'pink' }, 'APP_COLOR'],
    [{ GOOD_JOB_DEQUEUE_QUERY_SORT: 'id' }, 'GOOD_JOB_DEQUEUE_QUERY_SORT'],
    [{ GOOD_JOB_APP_NAME: 'a/b' }, 'GOOD_JOB_APP_NAME'],
    [{ REDACTION: '0' }, 'REDACTION'],
    [{ REDACT_KEYS: 'a,/b/' }, 'REDACT_KEYS'],
    [{ REDACT_EXCEPT: '*' }, 'REDACT_EXCEPT'],
    [{ REDACT_FILE: '/nowhere/rules.yml' }, 'REDACT_FILE'],
  ])('rejects %o in one sentence that names the variable', (variables, name) => {
    expect(() => readEnv({ ...URL_, ...variables })).toThrow(EnvError);
    // "Invalid" begins zod's own messages, which do not say what the value must be.
    expect(() => readEnv({ ...URL_, ...variables })).toThrow(
      new RegExp(`^${name} (?!Invalid)[^\\n]+\\.$`),
    );
  });

  it('binds to other addresses only with sign-in or with both variables of the open mode', () => {
    expect(
      readEnv({ ...URL_, AUTH_MODE: 'none', I_KNOW_THIS_IS_OPEN: '1', HOST: '0.0.0.0' }).auth,
    ).toMatchObject({ mode: 'none', isOpen: true });
    expect(readEnv({ ...URL_, I_KNOW_THIS_IS_OPEN: '1' }).auth).toMatchObject({
      mode: 'none',
      isOpen: false,
    });
    expect(() => readEnv({ ...URL_, I_KNOW_THIS_IS_OPEN: '1', HOST: '0.0.0.0' })).toThrow(/^HOST /);
    expect(
      readEnv({
        ...URL_,
        AUTH_MODE: 'proxy-header',
        ROLE_VIEWERS: '*',
        AUTH_PROXY_SECRET: RANDOM,
        HOST: '0.0.0.0',
      }).auth,
    ).toMatchObject({ userHeader: 'x-forwarded-user' });
  });
});

describe('link templates', () => {
  const logs = (template: string) => readEnv({ ...URL_, LINK_LOGS: template }).links.logs;
  const problem = (template: string) => {
    try {
      return logs(template);
    } catch (error) {
      return String(error instanceof EnvError ? error.message : error);
    }
  };

  it('a link template is an http or https URL with placeholders after the host', () => {
    for (const template of [
      'https://logs.example.com/?q={job_id}&from={from_ms}&to={to_ms}',
      'http://localhost:9000/{queue}/{job_class}#{batch_id}',
    ])
      expect(logs(template)).toBe(template);
    expect(readEnv(URL_).links).toEqual({ logs: null, errors: null, class: null });
  });

  it.each([
    ['javascript:alert({job_id})', 'must be an http'],
    ['data:text/html,{job_class}', 'must be an http'],
    ['//logs.example.com/{job_id}', 'must be an http'],
    ['logs.example.com/{job_id}', 'must be an http'],
    ['https://user:password@logs.example.com/{job_id}', 'must be an http'],
    ['https://{queue}.example.com/', 'must not have a placeholder in its host'],
    ['https://{queue}', 'must not have a placeholder in its host'],
    ['https:\\\\{queue}/', 'must be an http'],
    ['https://logs.example.com/{jobid}', 'unknown placeholder {jobid}'],
    ['https://logs.example.com/{}', 'unknown placeholder {}'],
  ])('%s is rejected with one sentence', (template, text) => {
    expect(problem(template)).toMatch(/^LINK_LOGS .*[^.]\.$/);
    expect(problem(template)).toContain(text);
  });

  const VALUES = {
    job_id: 'b3c1',
    active_job_id: 'b3c1',
    job_class: 'A::B',
    queue: null,
    cron_key: null,
    batch_id: null,
    from: null,
    to: null,
    from_ms: null,
    to_ms: null,
  };
  const fill = (queue: string | null) =>
    fillLink('https://x.test/{queue}?c={job_class}', { ...VALUES, queue });

  it.each([
    ['a/../b?c#d&e', 'a%2F..%2Fb%3Fc%23d%26e'],
    ['低優先', '%E4%BD%8E%E5%84%AA%E5%85%88'],
    ['"><script>', '%22%3E%3Cscript%3E'],
    ['$& $1 {job_id}', '%24%26%20%241%20%7Bjob_id%7D'],
    ['\ud800', '%EF%BF%BD'],
  ])('are filled with %s percent-encoded', (queue, encoded) => {
    expect(fill(queue)).toBe(`https://x.test/${encoded}?c=A%3A%3AB`);
  });

  it('a link template gives no link for a missing value or a dot segment', () => {
    for (const queue of [null, '', '.', '..']) expect(fill(queue)).toBeNull();
  });
});
