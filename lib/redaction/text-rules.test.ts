import { describe, expect, it } from 'vitest';
import { REDACTION_MARKER, Redaction } from './redaction';

const rules = new Redaction();
const redact = (text: string) => rules.redactText(text);
const SECRET = 'hunter2Zq9x';
const WORD = 'hunterzqxx';
const UUID = '3f2b8c1d-9a4e-4c77-b1a2-0d9e8f7a6b5c';
const mixed = (length: number) => 'aB3dE5gH7jK9mN1pQ2rS4tU6vW8xYz0c'.repeat(8).slice(0, length);
const hex = (length: number) => '0123456789abcdef'.repeat(10).slice(0, length);
const manyColumns = Array.from({ length: 60 }, (_, n) => `column_number_${n}`);
const columnList = manyColumns.join(', ');
const valueList = manyColumns.map(() => '1').join(', ');

describe('column lists with values', () => {
  it.each([
    [
      `Key (api_token, lower(email::text))=(${WORD}, a@b.c) already exists.`,
      `Key (api_token, lower(email::text))=(${REDACTION_MARKER}, a@b.c) already exists.`,
    ],
    [
      `Key (lower(api_token::text))=(${WORD}) already exists.`,
      `Key (lower(api_token::text))=(${REDACTION_MARKER}) already exists.`,
    ],
    [
      `Key ((data ->> 'api_token'::text))=(${WORD}) already exists.`,
      `Key ((data ->> 'api_token'::text))=(${REDACTION_MARKER}) already exists.`,
    ],
    [
      `Key (COALESCE(tenant, ''::text), "apiToken")=(acme, ${WORD}) is duplicated.`,
      `Key (COALESCE(tenant, ''::text), "apiToken")=(acme, ${REDACTION_MARKER}) is duplicated.`,
    ],
    [
      `Key (${columnList}, api_token)=(${valueList}, ${WORD}) already exists.`,
      `Key (${columnList}, api_token)=(${valueList}, ${REDACTION_MARKER}) already exists.`,
    ],
    [
      `Key (api_token)=(ab)${WORD}) already exists.`,
      `Key (api_token)=(${REDACTION_MARKER}) already exists.`,
    ],
    [
      `INSERT INTO users (${columnList}, password) VALUES (${valueList}, '${WORD}')`,
      `INSERT INTO users (${columnList}, password) VALUES (${valueList}, '${REDACTION_MARKER}')`,
    ],
    [
      `UPDATE users SET (email, password) = ('a, b', '${WORD}') WHERE id = 1`,
      `UPDATE users SET (email, password) = ('a, b', '${REDACTION_MARKER}') WHERE id = 1`,
    ],
    [
      `INSERT INTO users (email, password)\n        VALUES\n        ('a', '${WORD}')`,
      `INSERT INTO users (email, password)\n        VALUES\n        ('a', '${REDACTION_MARKER}')`,
    ],
  ])('hides the value of a secret column: %s', (text, redacted) =>
    expect(redact(text)).toBe(redacted),
  );
  it('hides all values if their number differs from the number of columns', () =>
    expect(redact(`Key (tenant, lower(token))=(a, ${WORD}, b) exists`)).toBe(
      `Key (tenant, lower(token))=(${REDACTION_MARKER}) exists`,
    ));
  it.each([
    'Key (lower(email::text))=(a@b.c) already exists.',
    'Key (session_id)=(8842) already exists.',
    `Key (${columnList})=(${valueList}) already exists.`,
    'Key (tenant_id, lower(name::text))=(4, invoices) already exists.',
  ])('keeps column lists without a secret column: %s', (text) => expect(redact(text)).toBe(text));
});

describe('a value at a distance from its name', () => {
  const BLANKS = [' '.repeat(40), '\u00a0', '\u3000', '\u00a0\u3000 '.repeat(20), '\t'.repeat(12)];
  it.each(BLANKS)('hides a value after the blanks %j', (blanks) => {
    for (const text of [
      `Password:${blanks}${WORD}`,
      `password:${blanks}"${WORD} ${WORD}"`,
      `password =${blanks}'${WORD} x'`,
      `password${blanks}: ${WORD}`,
      `password${blanks}= ${WORD}`,
      `"password"${blanks}=>${blanks}"${WORD}"`,
      `Password:${blanks}\n${blanks}${WORD}`,
      `Password:\n${blanks}\n${blanks}${WORD}`,
      `パスワード：${blanks}\n${WORD}`,
      `password: |${blanks}\n  ${WORD}`,
      `password: |${blanks}# ${'comment '.repeat(60)}\n  ${WORD}`,
      `password:${blanks}>-\n  ${WORD}`,
    ])
      expect(redact(text), text).not.toContain(WORD);
  });
  it.each([
    `password: !secret ${WORD}`,
    `password: !secret\n  ${WORD}`,
    `password: !!str |\n  ${WORD}`,
    `password: !!str "${WORD}"`,
    `password: !!str\n  ${WORD}`,
    `password: !<tag:yaml.org,2002:str> |-\n  ${WORD}`,
    `password: !${'long-tag-'.repeat(20)} |-\n  ${WORD}`,
    `password: &anchor\n  ${WORD}`,
    `password: &anchor ${WORD}`,
    `password: &anchor !!binary |\n  ${WORD}`,
    `password: # comment\n  ${WORD}`,
    `password: #${WORD}\n  x`,
    `password: !${WORD}\n`,
  ])('hides a value after a YAML tag, an anchor or a comment: %j', (text) =>
    expect(redact(text)).not.toContain(WORD),
  );
  it.each([
    `**Password:**\n${WORD}`,
    `**Password:** ${WORD}`,
    `**Password:** \`${WORD}\``,
    `**Password**:\n\n${WORD}`,
    `__Password:__ ${WORD}`,
    `*Password:*\n${WORD}`,
    `_Password:_ ${WORD}`,
    `**API key:**  \n${WORD}`,
    `***Token:*** ${WORD}`,
    `**Password:**\n\n\`\`\`\n${WORD}\n\`\`\``,
    `Password:\n\`\`\`text\nfirst\n${WORD}\n\`\`\`\n`,
    `Password:\n> ${WORD}`,
  ])('hides a value after Markdown: %j', (text) => expect(redact(text)).not.toContain(WORD));
  it.each([
    `Password<br>${WORD}`,
    `Password:<br/>${WORD}`,
    `Password:<br />\n${WORD}<br>`,
    `Hello<br>Password<br><br>${WORD}<br>Bye`,
    `<b>Password:</b> ${WORD}`,
    `<strong>Password</strong>: ${WORD}`,
    `<p><b>Password:</b></p>\n<p style="a:b">${WORD}</p>`,
    `<td>Password</td><td>${WORD}</td>`,
    `<th>API key</th>\n  <td class="x">${WORD}</td>`,
    `<dt>Password</dt><dd>${WORD}</dd>`,
    `Password:&nbsp;${WORD}`,
    `Password&lt;br&gt;${WORD}`,
    `<div>Password:</div><div><code>${WORD}</code></div>`,
  ])('hides a value after HTML: %j', (text) => expect(redact(text)).not.toContain(WORD));
  it.each([
    `? password\n: ${WORD}`,
    `? password\n: |\n  ${WORD}`,
    `? "password"\n: "${WORD}"`,
    `db:\n  ? password # comment\n  : ${WORD}`,
    `? password\n:\n  ${WORD}`,
    `Password\n: ${WORD}`,
  ])('hides a value after an explicit YAML key: %j', (text) =>
    expect(redact(text)).not.toContain(WORD),
  );
  it('a value at a distance ends with the line, the element or the YAML block', () => {
    expect(redact(`**Password:**\n${WORD}\nBye`)).toBe(`**Password:**\n${REDACTION_MARKER}\nBye`);
    expect(redact(`Password<br>${WORD}<br>Bye`)).toBe(`Password<br>${REDACTION_MARKER}<br>Bye`);
    expect(redact(`? password\n: ${WORD}\n? user\n: bob`)).toBe(
      `? password\n: ${REDACTION_MARKER}\n? user\n: bob`,
    );
    expect(redact(`password: | # note\n  ${WORD}\nuser: bob`)).toBe(
      `password: | # note\n  ${REDACTION_MARKER}\nuser: bob`,
    );
  });
  it.each([
    '<p>Enter your password</p><p>Your order was shipped</p>',
    'Forgot your password?<br>Click here',
    '**Password** is too short',
    'password:\nuser: bob',
  ])('keeps the text after a secret name without a value: %j', (text) =>
    expect(redact(text)).toBe(text),
  );
});

describe('Basic credentials', () => {
  const credentials = Buffer.from(`bob:${SECRET}`).toString('base64');
  it.each([
    `Basic: ${credentials}`,
    `Basic:${credentials}`,
    `Basic "${credentials}"`,
    `Basic '${credentials}'`,
    `["Basic", "${credentials}"]`,
    `["Basic","${credentials}"]`,
    `Basic\t\t\t\t\t\t\t${credentials}`,
    `Basic${' '.repeat(30)}${credentials}`,
    `Basic=${credentials}`,
    `{"Basic" => "${credentials}"}`,
    `:basic, "${credentials}"`,
    `basic\n  ${credentials}`,
    `auth_basic ${credentials}`,
    `Basic <${credentials}>`,
    `Basic\u00a0${credentials}`,
    `Basic%09${credentials}`,
  ])('hides the Basic credentials in %j', (text) =>
    expect(redact(text)).not.toContain(credentials),
  );
  it.each([
    `["Bearer", "${WORD}"]`,
    `Bearer: ${WORD}`,
    `Bearer "${WORD}"`,
    `bearer\t\t\t\t\t\t${WORD}`,
  ])('hides the Bearer token in %j', (text) => expect(redact(text)).not.toContain(WORD));
});

describe('tokens inside words', () => {
  it.each([
    ['Telegram', `123456:AA${mixed(33)}`],
    ['Telegram', `8123456789:AA${mixed(33)}`],
    ['GitHub', `ghp_${mixed(36)}`],
    ['GitHub', `github_pat_${mixed(40)}`],
    ['GitLab', `glpat-${mixed(20)}`],
    ['Slack', `xoxb-123456789012-${mixed(20)}`],
    ['AWS', 'AKIAIOSFODNN7EXAMPLE'],
    ['npm', `npm_${mixed(36)}`],
    ['Databricks', `dapi${hex(32)}`],
    ['Linear', `lin_api_${mixed(40)}`],
    ['Stripe', `sk_live_${mixed(24)}`],
    ['Google', `AIza${mixed(35)}`],
    ['Airtable', `pat${mixed(14)}.${hex(64)}`],
    ['Discord', 'MTk4NjIyNDgzNDcxOTI1MjQ4.Cl2FMQ.ZnCjm1XVW7vRze4b7Cq4se7kKWs'],
    ['JWT', `eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U`],
    ['Mailchimp', `${hex(32)}-us12`],
    ['Azure', `abc8Q~${mixed(34)}`],
  ])('hides a token of %s after a word character: %s', (_, token) => {
    for (const before of ['bot_', 'x_', 'my-', 'x__', 'key', 'トークン', 'é'])
      expect(redact(`got ${before}${token} there`), before).not.toContain(token.slice(-12));
  });
  it.each([
    `dapi${hex(32).toUpperCase()}`,
    `dapi${hex(32).toUpperCase()}-2`,
    `SK${hex(32).toUpperCase()}`,
    `dop_v1_${hex(64).toUpperCase()}`,
    `lin_wh_${mixed(40)}`,
    '$2b$12$N9qo8uLOickgx2ZM',
    '$2a$10$N9qo8uLOickgx2ZMRZoMye',
  ])('hides the token %s', (token) =>
    expect(redact(`got ${token} there`)).not.toContain(token.slice(4, -3)),
  );
  it.each([
    'how-to-assess-task-force-meeting-notes',
    'risk-sk-assessment-for-the-whole-company',
    'import-pul-requests-of-everybody-else',
    'app/assets/desk-organizer-and-more-things.png',
  ])('keeps the words in %s', (text) => expect(redact(text)).toBe(text));
});

describe('a JSON Web Key in a text', () => {
  it.each([
    `{"kty" : "RSA", "n" : "public-n", "d" : "${WORD}"}`,
    `{"d"   :   "${WORD}",\n  "n": "public-n",\n  "kty"   :   "RSA"}`,
    `{ "kty"\n:\n"RSA", "n": "public-n", "d"\n:\n"${WORD}" }`,
    `kty: RSA\nn: public-n\nd: ${WORD}\n`,
    `d:   ${WORD}\nn: public-n\nkty :  RSA`,
    `- p: ${WORD}\n  n: public-n\n  kty: RSA`,
    `{:kty => "RSA", :n => "public-n", :d => "${WORD}"}`,
    `{kty: "oct", n: "public-n", k: "${WORD}"}`,
    `{'kty' : 'RSA', 'n' : 'public-n', 'qi' : '${WORD}'}`,
    `kty=RSA&n=public-n&d=${WORD}`,
    `jwk[kty]=RSA&jwk[n]=public-n&jwk[d]=${WORD}`,
    `{\\"kty\\" : \\"RSA\\", \\"n\\" : \\"public-n\\", \\"d\\" : \\"${WORD}\\"}`,
  ])('hides the private members of a JSON Web Key: %j', (text) => {
    expect(redact(text)).not.toContain(WORD);
    expect(redact(text)).toContain('public-n');
  });
});

describe('a tag with a secret name', () => {
  it.each([
    `<password type="a>b">${WORD}</password>`,
    `<password type="a>b" ${'x="yyyyyyyyyy" '.repeat(30)}>${WORD}</password>`,
    `<password ${'x="yyyyyyyyyy" '.repeat(30)}>${WORD}</password>`,
    `<ns:apiKey a='>' b=">>">${WORD}</ns:apiKey>`,
    `<password\n  type = "a>b"\n>${WORD}</password>`,
    `<token a=it's>${WORD}</token>`,
    `<token a="b>${WORD}</token> "x"`,
    `<password>${WORD}`,
    `<password value="${WORD}"/>`,
    `<PASSWORD>${WORD}</PASSWORD>`,
    `<password>${WORD}</Password>`,
  ])('hides the content of a tag with a secret name: %j', (text) =>
    expect(redact(text)).not.toContain(WORD),
  );
  it('keeps the text next to the content of a tag with a secret name', () => {
    expect(redact(`<a><password type="a>b">${WORD}</password><b>c</b></a>`)).toBe(
      `<a><password type="a>b">${REDACTION_MARKER}</password><b>c</b></a>`,
    );
    expect(redact('<a><password nil="true"/><b>c</b></a>')).toBe(
      '<a><password nil="true"/><b>c</b></a>',
    );
  });
});

describe('a text without a secret', () => {
  it.each([
    `Couldn't find Card with 'id'=${UUID}`,
    `Couldn't find AccessToken with 'id'="${UUID}"`,
    `Couldn't find Card with 'uuid'=${UUID} [WHERE "cards"."account_id" = $1]`,
    `Couldn't find Session with [:shop_id, :id]=[1, "${UUID}"]`,
    "Couldn't find all Cards with 'id': (1, 2) (found 1 results, but was looking for 2).",
    `Couldn't find all Cards with 'id': (${UUID}, ${UUID}) (found 1 results, but was looking for 2).`,
    '#<Session id: 8842>',
    '#<Session id: 8842, user_id: 3> failed to load',
    `#<Session id: "${UUID}">`,
    '#<Card id: 12, brand: "visa">',
    'token expired at 2026-11-20T10:00:00.123Z',
    'token expired at 2026-11-20T10:00:00+09:00',
    'token expired at 2026-11-20 10:00:00 UTC',
    'token expired on 20-Nov-2026',
    'token expires in PT15M',
    'token expires in 15min or 3600sec',
    'token is signed with RS256, not HS256',
    '[TokenRefreshJob] [3f2b8c1d-9a4e-4c77-b1a2-0d9e8f7a6b5c]',
    `[ActiveJob] [TokenRefreshJob] [${UUID}] Performing TokenRefreshJob (Job ID: ${UUID}) from GoodJob(default)`,
    `[PasswordMailer] [${UUID}] done`,
    'last4: 4242',
    'card last4: 4242',
    'card with last4 4242',
    'Card (last4: 4242) was declined',
    "unexpected token '<'",
    'Unexpected token \'<\', "<!DOCTYPE "... is not valid JSON',
    "unexpected token at '{'",
    'unexpected token: end1of2file',
    'pin: 3 attempts left',
    'otp: 2 tries remaining.',
    'password: 8 characters minimum',
    'token: 15 minutes left',
    'Bearer error="invalid_token"',
    'WWW-Authenticate: Bearer realm="api", error="invalid_token", error_description="The access token expired"',
    'Basic realm="Restricted area"',
    'Bearer realm=api',
    'zip -p /tmp/a.zip',
    'unzip -p a.zip b.txt',
    '7z -p /tmp/a.7z',
    'mysql -p app_production',
    'docker run -p 8080:80 app',
    'ssh -p 2222 host',
    'mkdir -p /srv/app',
  ])('keeps a text without a secret: %s', (text) => expect(redact(text)).toBe(text));
  it.each([
    [`sshpass -p ${WORD} ssh -p 2222 host`, `sshpass -p ${REDACTION_MARKER} ssh -p 2222 host`],
    [
      `docker login -u a -p ${WORD} host && docker run -p 8080:80 app`,
      `docker login -u a -p ${REDACTION_MARKER} host && docker run -p 8080:80 app`,
    ],
    [
      `mysql -u root -p${WORD} db && mkdir -p/tmp/x`,
      `mysql -u root -p${REDACTION_MARKER} db && mkdir -p/tmp/x`,
    ],
  ])('keeps the text around the secret in %s', (text, redacted) =>
    expect(redact(text)).toBe(redacted),
  );
  it.each([
    `invalid token ${UUID}`,
    `the API key provided was ${UUID}`,
    `Couldn't find Card with 'token'=${WORD}`,
    `token: ${UUID}`,
    `token '${WORD}'`,
    `Invalid token '${WORD}'`,
    `session id: ${SECRET}${mixed(20)}`,
    `zip -P ${WORD} a.zip`,
    `unzip -P ${WORD} a.zip`,
    `7z a -p${WORD} a.7z`,
    'pin: 4711',
    'pin: 4711 attempts: 3',
    `password: 3 attempts ${SECRET}`,
    `Bearer ${SECRET}`,
    `Bearer abcdefgh==`,
  ])('hides the secret in %s, which resembles a text without one', (text) =>
    expect(redact(text)).toContain(REDACTION_MARKER),
  );
});
