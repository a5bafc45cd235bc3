import { describe, expect, it } from 'vitest';
import { compactJson, parseJson } from '../core/json';
import { REDACTION_MARKER, Redaction } from './redaction';
import { SecretRegistry } from './secret-registry';

const rules = new Redaction();
const SECRET = 'hunter2Zq9x';
const json = (value: unknown) =>
  compactJson(rules.redactJson(parseJson(JSON.stringify(value)), { kind: 'arguments' }));
const entities = (text: string, format: (code: number) => string) =>
  Array.from(text, (char) => format(char.charCodeAt(0))).join('');
const percentEncodeAll = (text: string) =>
  entities(text, (code) => `%${code.toString(16).padStart(2, '0')}`);

describe('YAML below a secret name', () => {
  const headers = ['|', '>', '|-', '>-', '|+', '>+', '|2', '|2-', '>-2', '|1+'];
  it.each(headers.flatMap((header) => [header, `${header} # a comment`, `${header}  `]))(
    'hides a block scalar after %j',
    (header) => {
      for (const text of [
        `password: ${header}\n  ${SECRET}\nuser: bob`,
        `password: ${header}\r\n  ${SECRET}\r\nuser: bob`,
        `db:\n  password: ${header}\n    ${SECRET}\n  user: bob`,
        `- password: ${header}\n    first\n\n    ${SECRET}\n  user: bob`,
        `password: ${header}\n\n  first\n    ${SECRET}\nuser: bob`,
      ]) {
        expect(rules.redactText(text)).not.toContain(SECRET);
        expect(rules.redactText(text)).toContain('user: bob');
      }
    },
  );
  it.each(['!vault |', '!!binary |-', '&anchor >-', '!secret &a |2-'])(
    'hides a block scalar after the tag or anchor %s',
    (header) =>
      expect(rules.redactText(`token: ${header}\n  ${SECRET}\nuser: bob`)).toBe(
        `token: ${header}\n  ${REDACTION_MARKER}\nuser: bob`,
      ),
  );
  it('hides a block scalar in a JSON string', () => {
    const text = `password: >-\n  ${SECRET}\nuser: bob`;
    expect(rules.redactText(JSON.stringify({ yaml: text }))).not.toContain(SECRET);
    expect(json([{ yaml: text }])).toBe(
      JSON.stringify([{ yaml: `password: >-\n  ${REDACTION_MARKER}\nuser: bob` }]),
    );
  });
  it('hides the items of a YAML list below a secret name', () => {
    expect(rules.redactText(`tokens:\n- ${SECRET}\n- x${SECRET}\nuser: bob`)).toBe(
      `tokens:\n${REDACTION_MARKER}\nuser: bob`,
    );
  });
});

describe('a value on the next line', () => {
  it.each([
    `Password:\n${SECRET}`,
    `Password: \n${SECRET}\n`,
    `Password:\r\n${SECRET}\r\nok`,
    `Password:\n\n\n${SECRET}`,
    `Password:\n   ${SECRET}`,
    `パスワード：\n${SECRET}`,
    `パスワード:\n\n${SECRET}`,
    `password =\n${SECRET}`,
    `password=\n${SECRET}`,
    `API key:\n${SECRET}`,
    `Your token:\n\n  ${SECRET}\n\nThank you`,
    `Authorization:\n${SECRET}`,
    `Password:\nAb3=${SECRET}`,
  ])('hides a value on the next line in %j', (text) =>
    expect(rules.redactText(text)).not.toContain(SECRET),
  );
  it('keeps a value on the next line if it is the next setting', () => {
    for (const text of ['password:\nuser: bob', 'PASSWORD=\nUSER=bob', 'token:\n"user": "bob"'])
      expect(rules.redactText(text)).toBe(text);
  });
  it('hides a value on the next line only up to the end of that line', () =>
    expect(rules.redactText(`Password:\n${SECRET}\nnext line`)).toBe(
      `Password:\n${REDACTION_MARKER}\nnext line`,
    ));
});

describe('escaped quotes and separators', () => {
  it.each([
    `\\u0022password\\u0022:\\u0022${SECRET}\\u0022`,
    `{\\u0022password\\u0022: \\u0022${SECRET}\\u0022}`,
    `password\\u003d${SECRET}`,
    `a=1\\u0026token\\u003d${SECRET}`,
    `\\x22password\\x22:\\x22${SECRET}\\x22`,
    `&#34;password&#34;:&#34;${SECRET}&#34;`,
    `&#x22;password&#x22;:&#x22;${SECRET}&#x22;`,
    `&quot;password&quot;=&gt;&quot;${SECRET}&quot;`,
    `password&equals;${SECRET}`,
    `password&#61;${SECRET}`,
    `password%3d${SECRET}`,
    `password%253D${SECRET}`,
    `password%25253D${SECRET}`,
    `\\\\u0022password\\\\u0022:\\\\u0022${SECRET}\\\\u0022`,
    `&amp;quot;password&amp;quot;:&amp;quot;${SECRET}&amp;quot;`,
    `\\u0026quot;password\\u0026quot;:\\u0026quot;${SECRET}\\u0026quot;`,
    `%22password%22%3A%22${SECRET}%22`,
    `%5C%22password%5C%22%3A%5C%22${SECRET}%5C%22`,
    `\\u{22}password\\u{22}:\\u{22}${SECRET}\\u{22}`,
    `p\\u0061ssword=${SECRET}`,
    `password\\u003a ${SECRET}`,
  ])('hides the value next to escaped quotes and separators in %s', (text) =>
    expect(rules.redactText(text)).not.toContain(SECRET),
  );
  it('keeps the text next to a value with escaped separators', () =>
    expect(rules.redactText(`?a=1\\u0026token\\u003d${SECRET}\\u0026page\\u003d2`)).toBe(
      `?a=1\\u0026token\\u003d${REDACTION_MARKER}\\u0026page\\u003d2`,
    ));
  it('does not split a value at a quote, whatever its level of escaping', () => {
    let text = JSON.stringify({ password: `left${SECRET}"right${SECRET}`, user: 'bob' });
    for (let n = 0; n < 3; n += 1) {
      expect(rules.redactText(text), text).not.toContain(SECRET);
      expect(rules.redactText(text)).toContain('bob');
      text = JSON.stringify(text);
    }
    expect(rules.redactText(`password='it''s ${SECRET}' user`)).not.toContain(SECRET);
  });
});

describe('a repeat of a hidden value', () => {
  const secret = 'hunter2 "Zq9x&é';
  const repeatsOf = (value: string): Record<string, string> => ({
    'URL-encoded': encodeURIComponent(value),
    'URL-encoded twice': encodeURIComponent(encodeURIComponent(value)),
    'URL-encoded three times': encodeURIComponent(encodeURIComponent(encodeURIComponent(value))),
    'as a form sends it': new URLSearchParams({ v: value }).toString().slice(2),
    'in decimal entities': entities(value, (code) => `&#${code};`),
    'in decimal entities with zeros': entities(
      value,
      (code) => `&#${String(code).padStart(5, '0')};`,
    ),
    'in hexadecimal entities': entities(value, (code) => `&#x${code.toString(16)};`),
    'in hexadecimal capitals': entities(value, (code) => `&#X${code.toString(16).toUpperCase()};`),
    'in named entities': value.replaceAll('&', '&amp;').replaceAll('"', '&quot;'),
    'in hexadecimal': Buffer.from(value).toString('hex'),
    'in upper-case hexadecimal': Buffer.from(value).toString('hex').toUpperCase(),
    'in hexadecimal of a text that holds it': Buffer.from(`a:${value}:b`).toString('hex'),
    'in JSON': JSON.stringify(value),
    'in JSON twice': JSON.stringify(JSON.stringify(value)),
    'in unicode escapes': entities(value, (code) => `\\u${code.toString(16).padStart(4, '0')}`),
  });
  it.each(Object.entries(repeatsOf(secret)))('hides a repeat of a secret: %s', (_, repeat) => {
    const secrets = new SecretRegistry();
    secrets.add(secret);
    const redacted = rules.redactText(`before ${repeat} after`, secrets);
    expect(redacted).toMatch(/^before .{0,12}\[REDACTED\].{0,12} after$/);
    expect(redacted).not.toContain(repeat.slice(4, 12));
  });
  it.each(
    ['', 'u', 'us', 'user:', 'user:x', '日本'].flatMap((before) =>
      ['', ':', ' z', 'é12'].map((after) => [before, after]),
    ),
  )('hides a repeat in the base64 of a text with the value between %j and %j', (before, after) => {
    for (const value of [
      SECRET,
      'abc123',
      'p+/?>>~~~ÿÿ',
      'a long value that has more than eighteen bytes 123',
    ]) {
      const secrets = new SecretRegistry();
      secrets.add(value);
      const text = `${before}${value}${after}`;
      for (const encoding of ['base64', 'base64url'] as const) {
        const encoded = Buffer.from(text).toString(encoding);
        for (const form of [encoded, encoded.replace(/=+$/, ''), encodeURIComponent(encoded)]) {
          const redacted = rules.redactText(`got ${form} there`, secrets);
          const match = /^got (.*?)\[REDACTED\](.*?) there$/.exec(redacted);
          expect(match, `${form} -> ${redacted}`).not.toBeNull();
          expect(Buffer.from(match?.[1] ?? '', encoding).toString()).not.toContain(
            value.slice(0, 3),
          );
        }
      }
    }
  });
  it('hides a repeat of the password of Basic credentials', () => {
    const basic = `Basic ${Buffer.from(`bob:${SECRET}`).toString('base64')}`;
    expect(json([{ authorization: basic, note: `login of ${SECRET} failed` }])).not.toContain(
      SECRET,
    );
  });
  it('hides a repeat without the escapes of the hidden value', () => {
    const secrets = new SecretRegistry();
    const text = rules.redactText(`{"password":"a\\"${SECRET}"} sent a"${SECRET} again`, secrets);
    expect(text).not.toContain(SECRET);
  });
});

describe('credentials and hashes', () => {
  const base64 = (text: string) => Buffer.from(text).toString('base64');
  it.each([
    base64(`user:${SECRET}`),
    base64('u:p'),
    base64('user:p'),
    base64('Aladdin:open sesame'),
    base64('日本:語語語'),
  ])('hides the Basic credentials %s', (credentials) => {
    for (const text of [
      `Basic ${credentials}`,
      `Authorization: Basic ${credentials}`,
      `"Basic ${credentials}"`,
      `basic ${credentials} failed`,
      `headers Basic%20${encodeURIComponent(credentials)}`,
    ])
      expect(rules.redactText(text), text).not.toContain(credentials.replace(/=+$/, ''));
  });
  const salt = 'N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy';
  it.each([
    `$2a$10$${salt}`,
    `$2b$12$${salt}`,
    `$2y$05$${salt}`,
    '$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b+dWRWJTmaaJObG',
    '$argon2i$v=19$m=16,t=2,p=1$c29tZXNhbHQxMjM0$aGFzaGhhc2hoYXNo',
    '$argon2d$v=19$m=16,t=2,p=1$c29tZXNhbHQxMjM0$aGFzaGhhc2hoYXNo',
    '$scrypt$ln=16,r=8,p=1$aM15713r3Xsvxbi31lqr1Q$nFNh2CVHVjNldFVKDHDlm4CbdRSCdEBs',
    '$s0$e0801$epIxT/h6HbbwHaehFnh/bw==$7H0vsXlY8UxxyW/BWx/9GuY7jEvGjT71GFd6O4SZND0=',
    '$6$rounds=5000$usesomesillystri$D4IrlXatmP7rx3P3InaxBeoomnAihCKRVQAr',
    '$5$rounds=5000$usesomesillystri$KqJWpanXZHKq2BOB43TSaYhEWsQ1Lr5QNyPCDH',
    '$1$abcdefgh$irWbblnpmw.5z7wgBnprh0',
    '$pbkdf2-sha256$29000$N2YMIWQsBWBMae09x1jrPQ$1t8iyB2A.WF/Z5JZv.lfCIhXXN33N23OSgQYThBYRfk',
    'pbkdf2_sha256$260000$abcdefghijkl$O0lX0Q1yYt1c1XyQ1u8b4m0wQ0=',
  ])('hides the password hash %s', (hash) => {
    expect(rules.redactText(`digest ${hash} is wrong`)).toBe(`digest ${REDACTION_MARKER} is wrong`);
    expect(rules.redactText(`"${hash.slice(0, 36)}`)).toBe(`"${REDACTION_MARKER}`);
    expect(json([hash])).toBe(`["${REDACTION_MARKER}"]`);
  });
});

const hex = (length: number) => '0123456789abcdef'.repeat(10).slice(0, length);
const mixed = (length: number) => 'aB3dE5gH7jK9mN1pQ2rS4tU6vW8xYz0c'.repeat(8).slice(0, length);
const upper = (length: number) => 'AB3DE5GH7JK9MN1P'.repeat(8).slice(0, length);

describe('service tokens', () => {
  it.each([
    ['Telegram', `123456789:AA${mixed(33)}`],
    ['Telegram', `8123456789:AA${mixed(33)}`],
    ['Atlassian', `ATATT3xFfGF0${mixed(60)}-_=${hex(8).toUpperCase()}`],
    ['Atlassian', `ATCTT3xFfGN0${mixed(60)}`],
    ['Databricks', `dapi${hex(32)}`],
    ['Postman', `PMAK-${hex(24)}-${hex(34)}`],
    ['Linear', `lin_api_${mixed(40)}`],
    ['Linear', `lin_oauth_${hex(64)}`],
    ['Notion', `secret_${mixed(43)}`],
    ['Notion', `ntn_${mixed(46)}`],
    ['New Relic', `NRAK-${upper(27)}`],
    ['New Relic', `NRJS-${hex(19)}`],
    ['New Relic', `${hex(36)}NRAL`],
    ['Firebase', `AAAAx1y2z3w:APA91b${mixed(134)}`],
    ['Firebase', `dQw4w9WgXcQ_-abc123XYZ:APA91b${mixed(134)}`],
    ['Discord', `MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.ZnCjm1XVW7vRze4b7Cq4se7kKWs`],
    ['Google', `AIza${mixed(35)}`],
    ['Google', `GOCSPX-${mixed(28)}`],
    ['GitLab', `glpat-${mixed(20)}`],
    ['npm', `npm_${mixed(36)}`],
    ['PyPI', `pypi-AgEIcHlwaS5vcmc${mixed(40)}`],
    ['Slack', `xapp-1-A0123456789-1234567890123-${hex(64)}`],
    ['SendGrid', `SG.${mixed(22)}.${mixed(43)}`],
    ['Mailchimp', `${hex(32)}-us12`],
    ['Twilio', `SK${hex(32)}`],
    ['Shopify', `shpat_${hex(32)}`],
    ['DigitalOcean', `dop_v1_${hex(64)}`],
    ['Hugging Face', `hf_${mixed(34)}`],
    ['OpenAI', `sk-proj-${mixed(48)}`],
    ['Anthropic', `sk-ant-api03-${mixed(60)}`],
    ['age', `AGE-SECRET-KEY-1${upper(58)}`],
    ['Doppler', `dp.pt.${mixed(43)}`],
    ['Vault', `hvs.${mixed(24)}`],
    ['Azure', `abc8Q~${mixed(34)}`],
    ['Airtable', `pat${mixed(14)}.${hex(64)}`],
    ['Grafana', `glsa_${mixed(32)}_${hex(8)}`],
    ['Sentry', `sntrys_${mixed(60)}`],
    ['Figma', `figd_${mixed(40)}`],
    ['RubyGems', `rubygems_${hex(48)}`],
    ['Square', `sq0atp-${mixed(22)}`],
  ])('hides a token of %s: %s', (_, token) => {
    for (const text of [`failed with ${token} there`, `"${token}"`, `x=${token}`, `[${token}]`])
      expect(rules.redactText(text), text).not.toContain(token);
    expect(rules.redactText(`failed with ${token} there`)).toBe(
      `failed with ${REDACTION_MARKER} there`,
    );
    expect(json([{ note: token }])).not.toContain(token);
  });
  it.each([
    `https://api.telegram.org/bot123456789:AA${mixed(33)}/sendMessage`,
    `https://acme.webhook.office.com/webhookb2/${hex(8)}-1111@2222/IncomingWebhook/${SECRET}${hex(32)}/33`,
    `https://outlook.office.com/webhook/${SECRET}${hex(20)}/IncomingWebhook/x`,
    'https://prod-1.westus.logic.azure.com:443/workflows/x/triggers/manual/paths/invoke' +
      `?api-version=1&sp=x&sv=1.0&sig=${SECRET}`,
    `https://discord.com/api/webhooks/123/${SECRET}${mixed(40)}`,
    `https://discord.com/api/v10/webhooks/123/${SECRET}${mixed(40)}`,
  ])('hides the credentials in the link %s', (link) => {
    const redacted = rules.redactText(link);
    expect(redacted).not.toContain(SECRET);
    expect(redacted).not.toContain(mixed(33));
  });
  const jwk = { kty: 'RSA', n: 'public-modulus', e: 'AQAB', kid: 'key-1' };
  it.each(['d', 'p', 'q', 'dp', 'dq', 'qi'])('hides the private member %s of a JWK', (member) => {
    const key = { ...jwk, [member]: `${SECRET}${mixed(20)}` };
    for (const text of [json([key]), rules.redactText(`bad ${JSON.stringify(key)}`)]) {
      expect(text).not.toContain(SECRET);
      expect(text).toContain('public-modulus');
    }
    expect(rules.redactText(JSON.stringify(JSON.stringify(key)))).not.toContain(SECRET);
  });
  it('hides the symmetric key `k` of a JWK, but no other `k`', () => {
    expect(json([{ kty: 'oct', k: SECRET }])).not.toContain(SECRET);
    expect(json([{ d: 'ordinary words', k: 'ordinary' }])).toContain('ordinary words');
  });
});

describe('harmless values of secret names', () => {
  it.each([
    "undefined method `password=' for nil",
    "undefined method `password?' for nil",
    "undefined method `token' for nil:NilClass",
    "undefined method 'password=' for nil",
    "undefined method 'token' for an instance of User",
    "undefined method `api_key=' for #<User:0x00007f8b1c0a1b2c>",
    "undefined method `token' for #<User:0x00007f8b1c0a1b2c>",
    "undefined method 'User#password=' for nil",
    "undefined local variable or method `session_token' for main:Object",
    "private method `secret=' called for nil",
    'Password::Invalid',
    'Password::Invalid: is too short',
    'tokens: 1500',
    'tokens=1500',
    'cookies: 3',
    'cards: 12, sessions: 4',
    'api_keys: 7',
    'next_token=eyAibm8iOiB0aGluZyB9x',
    'next_page_token: CAUQAA',
    'auth: failed',
    'auth: failed for bob',
    'auth: ok',
    'session: expired',
    'token: missing',
    'token: invalid',
    'authorization: denied',
    'password: required',
    'Authorization: failed',
    'Key (session_id)=(8842) already exists.',
    'Key (card_token_id)=(17) is not present',
    'session_id=8842',
    'session_id: 8842',
  ])('keeps the harmless value of a secret name in the text %s', (text) =>
    expect(rules.redactText(text)).toBe(text),
  );
  it.each([
    [{ tokens: 1500 }],
    [{ sessions: 3, cards: 12 }],
    [{ next_token: 'CAUQAA', nextPageToken: 'CAUQAB', NextContinuationToken: 'CAUQAC' }],
    [{ auth: 'failed' }],
    [{ session: 'expired' }],
    [{ session_id: 8842 }],
  ])('keeps the harmless value of a secret name in the JSON %j', (value) =>
    expect(json([value])).toBe(JSON.stringify([value])),
  );
  it.each([
    `Key (session_id)=(${SECRET}${mixed(20)}) already exists.`,
    `Key (tax_id)=(882345678) already exists.`,
    `Key (session_id)=(88421234567890) already exists.`,
    'token: 1500aB',
    'token: 1500',
    'pins: 4711',
    'recovery_codes: 482133',
    `tokens: ${SECRET}`,
    `auth: ${SECRET}`,
    `auth: failed ${SECRET}`,
    `password: failed horse battery`,
    `next_access_token=${SECRET}`,
    `password='${SECRET}'`,
    "method `x' got password='correct'",
  ])('hides the secret in %s, although it resembles a harmless value', (text) =>
    expect(rules.redactText(text)).toContain(REDACTION_MARKER),
  );
});

describe('bidirectional controls', () => {
  it('escapes bidirectional controls in texts and in keys and strings of JSON', () => {
    expect(rules.redactText('a\u202eb\u2066c')).toBe('a\\u202eb\\u2066c');
    expect(compactJson(rules.redactJson(parseJson('{"k\u202e":"v\u200f"}')))).toBe(
      '{"k\\u202e":"v\\u200f"}',
    );
    expect(rules.redactPlain({ a: ['x\u202ey'] })).toEqual({ a: ['x\\u202ey'] });
  });
  it('keeps bidirectional controls in a text that is compared with stored text', () =>
    expect(rules.redactText('a\u202eb', undefined, '\u007f')).toBe('a\u202eb'));
  it('escapes bidirectional controls when redaction is off', () =>
    expect(
      new Redaction({ off: true, keys: [], except: [], classes: [], key: '' }).redactText('\u202e'),
    ).toBe('\\u202e'));
});

it('hides a percent-encoded secret completely', () => {
  expect(rules.redactText(`password=a%26${SECRET}`)).not.toContain(SECRET);
  expect(rules.redactText(percentEncodeAll(`password=${SECRET}`))).toBe(
    `${percentEncodeAll('password=')}${REDACTION_MARKER}`,
  );
});
