import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { readEnv } from './environment';
import { EnvError, isGuessableSecret, isPlaceholder } from './values';

const PLACEHOLDERS = [
  'change-me-to-32-or-more-random-characters',
  'change-me-to-16-or-more-random-characters',
  'CHANGE_ME_CHANGE_ME_CHANGE_ME_CHANGE_ME',
  'ChangeMe1234567890ChangeMe1234567890',
  'please-change-this-before-production-use',
  'replace-me-with-a-long-random-value-1234',
  'replace_with_a_long_random_value_xkcdqz1',
  '<openssl rand -hex 32>',
  '<a-long-random-secret-of-32-characters>',
  '$(openssl-rand-hex-32-aaaaaaaaaaaaaaaaa)',
  '${AUTH_PROXY_SECRET_OF_THE_DEPLOYMENT}',
  '{{auth_proxy_secret_of_the_deployment}}',
  'your-secret-of-at-least-32-characters-xx',
  'this-is-a-placeholder-of-32-characters-x',
  'secretsecretsecretsecretsecretsecret',
  'password-password-password-password-1234',
  'my-super-secret-session-secret-password',
  'ｃｈａｎｇｅ－ｍｅ-0123456789-abcdefghijk',
];
const PATTERNS = [
  'x'.repeat(40),
  '0'.repeat(64),
  'ab'.repeat(20),
  'aabbccdd11223344'.slice(0, 8).repeat(5),
  '0123456789abcdef'.repeat(4),
  'k3Jf9sQz'.repeat(5),
  'k3Jf9sQzk3Jf9sQzk3Jf9sQzk3Jf9sQzk3Jf',
  'abcdefghijklmnopqrstuvwxyz0123456789',
  'zyxwvutsrqponmlkjihgfedcba9876543210',
];
const MANUAL_TEXTS = [
  'dev-secret-key-do-not-use-in-production',
  'a-long-random-string-at-least-32-bytes',
  'must-be-at-least-32-characters-long',
  'some-long-random-string-of-32-chars!!',
  'your_session_secret_here_32_chars_min',
  'set-me-please-set-me-please-12345678x',
  'insert-secret-here-insert-a-secret-1',
  'django-insecure-only-for-development!',
  'fill-me-in-with-32-random-characters',
  'super-long-secret-that-nobody-can-guess',
  'qwertyuiopasdfghjklzxcvbnm123456',
  'DoNotUseThisOneOutsideOfYourLaptop00',
  'D_E_V_E_L_O_P_M_E_N_T_only_9fk2mq8x7z',
  'SETME-SETME-9fk2mq8x7z-9fk2mq8x7zkqw',
  'put.the.proxy.and.console.value.xkcdq',
  'keyboard cat walks over 9fk2mq8x7z',
  'sixty-four-hex-digits-64-hex-digits-xk',
  'ａｔ－ｌｅａｓｔ-9fk2mq8x7z-abqxkcdwmhijk',
];
const REAL_SECRETS = [
  'a session secret of the tests that is long enough',
  'the-secret-of-nginx-and-the-console',
  'a-token-of-the-browser-tests',
  'the-secret-of-the-proxy-and-the-console',
  'correct-horse-battery-staple-and-a-bicycle',
  '7f3a9c0e5b2d4816a7c3e9f0d1b5a264',
];

describe('isPlaceholder and isGuessableSecret', () => {
  it.each(PLACEHOLDERS)('classifies %s as a placeholder', (value) =>
    expect(isPlaceholder(value)).toBe(true),
  );
  it.each(PATTERNS)('classifies the pattern %s as guessable', (value) =>
    expect(isGuessableSecret(value)).toBe(true),
  );
  it.each(MANUAL_TEXTS)('classifies the manual text %s as guessable', (value) =>
    expect(isGuessableSecret(value)).toBe(true),
  );
  it.each(['secret', 'password', 'Password123', 'client-secret', 'xxxxxxxxxxxx', 'changeit'])(
    'classifies %s as a placeholder for a secret from a provider',
    (value) => expect(isPlaceholder(value)).toBe(true),
  );
  it('accepts random secrets in all usual alphabets', () => {
    for (let round = 0; round < 2_000; round += 1)
      for (const secret of [
        randomBytes(16).toString('hex'),
        randomBytes(32).toString('hex'),
        randomBytes(24).toString('base64'),
        randomBytes(32).toString('base64url'),
        crypto.randomUUID(),
      ])
        expect(isGuessableSecret(secret), secret).toBe(false);
  });
  it.each(REAL_SECRETS)('accepts the secret %s', (value) =>
    expect(isGuessableSecret(value)).toBe(false),
  );
  it.each(['aVq8Q~3pQ2.kJ0sLwz_Rt5uXyB7nM1cDeFgHi', 'GOCSPX-4fKz0aBcDeFgHiJkLmNoPqRsTuV', 'b'])(
    'accepts the secret %s that a provider issued',
    (value) => expect(isPlaceholder(value)).toBe(false),
  );
});

describe('readEnv', () => {
  const base = { DATABASE_URL: 'postgres://localhost/app', ROLE_VIEWERS: '*' };
  const random = () => randomBytes(32).toString('hex');
  const oidc = (more: Record<string, string>) => ({
    ...base,
    AUTH_MODE: 'oidc',
    OIDC_ISSUER: 'https://id.example.com/',
    OIDC_CLIENT_ID: 'console',
    OIDC_CLIENT_SECRET: random(),
    SESSION_SECRET: random(),
    PUBLIC_URL: 'https://console.example.com',
    ...more,
  });
  const proxy = (secret: string) => ({
    ...base,
    AUTH_MODE: 'proxy-header',
    AUTH_PROXY_SECRET: secret,
  });
  const cases = (secret: string): [string, Record<string, string>][] => [
    ['AUTH_PROXY_SECRET', proxy(secret.replaceAll(' ', '-'))],
    ['SESSION_SECRET', oidc({ SESSION_SECRET: secret })],
    ['SESSION_SECRET', oidc({ SESSION_SECRET: `${random()},${secret}` })],
    ['METRICS_TOKEN', { ...base, METRICS_TOKEN: secret.replaceAll(' ', '-') }],
  ];
  it.each([
    'change-me-to-32-or-more-random-characters',
    '<openssl rand -hex 32>----------------',
    'x'.repeat(40),
    '0123456789abcdef0123456789abcdef',
  ])('rejects %s for every secret without repeating it', (secret) => {
    for (const [name, source] of cases(secret)) {
      expect(() => readEnv(source), name).toThrow(EnvError);
      expect(() => readEnv(source), name).toThrow(
        new RegExp(`^${name} [^\n]*placeholder[^\n]*\\.$`),
      );
      expect(() => readEnv(source), name).not.toThrow(secret);
    }
  });
  it.each(['<client secret from Keycloak>', 'changeme', 'secret'])(
    'rejects the client secret %s',
    (secret) =>
      expect(() => readEnv(oidc({ OIDC_CLIENT_SECRET: secret }))).toThrow(/^OIDC_CLIENT_SECRET /),
  );
  it('accepts random secrets', () => {
    expect(() => readEnv(oidc({ METRICS_TOKEN: random() }))).not.toThrow();
    expect(() => readEnv(proxy(random()))).not.toThrow();
  });
});
