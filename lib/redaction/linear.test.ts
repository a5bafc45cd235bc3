import { build } from 'esbuild';
import fc from 'fast-check';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { beforeAll, describe, expect, it } from 'vitest';
import type { LinearReport, LinearWork } from '../../test/redaction/linear-worker';
import { compactJson, parseJson } from '../core/json';
import { LAST_SECRET_WORDS, SECRET_WORDS } from './key-names';
import { Redaction } from './redaction';
import { MAX_PATTERN_CHARS, MAX_VALUES, SecretRegistry } from './secret-registry';
import { ESCAPE_LITERALS } from './text-view';
import { SHAPE_LITERALS } from './tokens';

/*
 * A coarse test that redaction is linear: repeats of each structural character and keyword take at
 * most MAX_MS of CPU time. They run in a worker, which is terminated when one takes far longer.
 */

const MAX_MS = 2_000;
/** Without a report for this long, the worker is terminated. */
const SILENCE_MS = 90_000;
const TEXT_LENGTH = 1_000_000;
const SHORTER_LENGTH = 20_000;

const STRUCTURE = `
  " ' \` " ' \\ / // :// ( ) [ ] { } < > </ = == => -> : :: := , ; & && ? # @ % $ * | - -- --- _ .
  ! ~ ^ + → ： ＝ 「 」 『
  ")=" )= (a)=( ={ =[ =( ="" ='' \\" \\\\" \\\\\\" \\u0022 \\u003d %3D %2F%2F %40 %2525 &quot;
  &#34; &amp;amp; \\n \\/\\/
  a Aa a1 1 aあ あ 漢 😀 a- a_ a. a= a: a@ a/ a:b a:b1cd@ a:b1cd ://a:b ://a:b@ //a:b@ https://a:b/
  a--
  <a> </a> <password> <password></ password password= password: "password":" password" password'
  {:password=>{ 'password=' token%3D
  next_token tokens session_id Key(session_id)=( "kty": "kty":"d": eyJ eyJa eyJaaaaaaaa.
  eyJa.eyJa. eyJaaaaaaaa-
  basic+ basic+/ basic+= bearer+ bearer+basic+ Basic%20
  -----BEGIN -----BEGINPRIVATEKEY----- -----END 123-45- 4111 AKIA name=password value=
  name=password&value= "name":"password","value":"
  {"name":"password", "op":"path": (password)VALUES( VALUES( VALUES(' ,('a'),( パスワード パスワード： 認証コード「
  トークン
  )=( (password)=( (password)=('a (password)=(a)b( (token)IN(( ((((token)=( <br> <b> password<br>
  <td>Password</td> <th>token</th> <password=" <token/> <token=' <token<
  Basic: basic," ["Basic"," bearer"' kty :kty=> jwk[kty]= x_ghp_ _ghp_ xghp_ _eyJ lin_wh_
  **password:** __token:__ **password** #<Session #<Card::Token
  /token/ /token/a1 /reset_password/ $2a$ $argon2id$ :AA 12345678:AA :APA91b pat -us1 Q~ [[ [1,
  {"a": "a",
`
  .split(/\s+/)
  .filter(Boolean);
const SPACED = [
  ' ',
  '\n',
  '\r\n',
  '\t',
  ' =',
  '= ',
  'a ',
  'token ',
  "password '",
  'password "',
  'password: ',
  'password:\n',
  'password: |\n ',
  'password: |\n',
  'password:\n- ',
  '- password: >-\n',
  'bearer ',
  'Basic ',
  'Basic YTpi ',
  'the API key ',
  '--token ',
  ' -u a:',
  ' -p',
  'mysql ',
  'mysql -p',
  'docker login ',
  'sshpass -p ',
  "identified by '",
  ' -passin pass:',
  'otp 1',
  'pin code 12 ',
  'key provided: ',
  '1 ',
  '4111 1111 1111 ',
  'method `x ',
  '(password) VALUES (',
  "(password) VALUES ('",
  '<a b ',
  '認証コード ',
  ' '.repeat(50) + '=',
  'a'.repeat(100) + '=',
  '\u00a0',
  '\u3000=',
  'password:\u00a0',
  'password: !a ',
  'password: &a !b\n',
  'password: | # a ',
  'password: #a\n',
  'password:\n```\n',
  '? password\n',
  '? password\n: ',
  '? password #\n: ',
  '\n: ',
  ' \n=',
  '"kty" : ',
  '"d"\n:\n',
  '<password a="',
  "<password a='>",
  '<password a = ',
  '<password ',
  '<td>token ',
  'password <br> ',
  '**Password:** <br>\n',
  "token with 'id': (",
  'token with [:id, :a',
  'token id= ',
  'unexpected token ',
  'Bearer error=" ',
  'Basic\t',
  'Basic ["',
  '(token) = (',
  '(token) NOT IN ',
  'Key (token)=(a) already ',
  'Key (lower(token::text))=(',
  'zip -P a 7z -p',
  'pin: 3 attempts ',
  '"a a a ',
];
const KEYWORDS = [
  ...SHAPE_LITERALS,
  ...ESCAPE_LITERALS,
  ...[...SECRET_WORDS, ...LAST_SECRET_WORDS].map((word) => `${word}=`),
];

let workerCode: string;
beforeAll(async () => {
  const bundled = await build({
    entryPoints: [fileURLToPath(new URL('../../test/redaction/linear-worker.ts', import.meta.url))],
    bundle: true,
    platform: 'node',
    format: 'cjs',
    write: false,
  });
  workerCode = bundled.outputFiles[0]?.text ?? '';
});

/** Describes the pieces that took longer than MAX_MS or did not finish. */
function slowPieces(work: LinearWork): Promise<string[]> {
  return new Promise((resolve, reject) => {
    const slow: string[] = [];
    const worker = new Worker(workerCode, { eval: true, workerData: work });
    let current: LinearReport | undefined;
    const terminate = () => {
      slow.push(
        `${JSON.stringify(current?.piece)} as ${current?.name}: not within ${SILENCE_MS} ms`,
      );
      void worker.terminate();
    };
    let timer = setTimeout(terminate, SILENCE_MS);
    worker.on('message', (report: LinearReport) => {
      clearTimeout(timer);
      timer = setTimeout(terminate, SILENCE_MS);
      current = report;
      if (report.ms !== undefined && report.ms > MAX_MS)
        slow.push(`${JSON.stringify(report.piece)} as ${report.name}: ${Math.round(report.ms)} ms`);
    });
    worker.on('error', reject);
    worker.on('exit', () => {
      clearTimeout(timer);
      resolve(slow);
    });
  });
}

describe('Redaction', () => {
  it('redacts 1 MB of repeats of each structural character in linear time', async () => {
    const pieces = [...STRUCTURE, ...SPACED];
    expect(await slowPieces({ pieces, length: TEXT_LENGTH })).toEqual([]);
  }, 600_000);
  it('redacts repeats of each keyword of the redaction rules in linear time', async () => {
    expect(await slowPieces({ pieces: KEYWORDS, length: SHORTER_LENGTH })).toEqual([]);
  }, 600_000);
});

describe('redactTextInSteps and redactJsonInSteps', () => {
  const rules = new Redaction();
  const pieces = fc.array(
    fc.oneof(
      fc.constantFrom(...STRUCTURE, ...SPACED),
      fc.constantFrom('password', 'hunter2Zq9x', 'token=hunter2Zq9x', 'Authorization: '),
      fc.string({ maxLength: 8, unit: 'binary' }),
    ),
    { maxLength: 40 },
  );
  it('redaction in steps returns the same as redactText and redactJson', async () => {
    await fc.assert(
      fc.asyncProperty(pieces, fc.integer({ min: 1, max: 400 }), async (parts, times) => {
        const text = parts.join('').repeat(times).slice(0, 40_000);
        const first = new SecretRegistry();
        const second = new SecretRegistry();
        for (const secrets of [first, second]) secrets.add('hunter2Zq9x');
        expect(await rules.redactTextInSteps(text, { secrets: first })).toBe(
          rules.redactText(text, second),
        );
        expect(first.size).toBe(second.size);
        const json = parseJson(
          JSON.stringify([{ token: 'hunter2Zq9x', [text.slice(0, 20)]: text }, text]),
        );
        expect(compactJson(await rules.redactJsonInSteps(json, { kind: 'arguments' }))).toBe(
          compactJson(rules.redactJson(json, { kind: 'arguments' })),
        );
      }),
      { numRuns: 40 },
    );
  }, 120_000);
  it('redaction in steps yields to the event loop during a large text', async () => {
    let turns = 0;
    const timer = setInterval(() => {
      turns += 1;
    }, 1);
    await rules.redactTextInSteps('password=x; '.repeat(85_000));
    clearInterval(timer);
    expect(turns).toBeGreaterThan(3);
  });
  it('two concurrent redactions return independent results', async () => {
    const texts = [`token=hunter2Zq9x `.repeat(20_000), `x password: 'abc' y\n`.repeat(20_000)];
    const redacted = await Promise.all(texts.map((text) => rules.redactTextInSteps(text)));
    expect(redacted).toEqual(texts.map((text) => rules.redactText(text)));
  });
});

describe('SecretRegistry', () => {
  it('a registry overflows beyond MAX_VALUES and MAX_PATTERN_CHARS', () => {
    const many = new SecretRegistry();
    const long = new SecretRegistry();
    for (let n = 0; n < MAX_VALUES; n += 1) many.add(`value-${n}`);
    expect(many.overflowed).toBe(false);
    many.add('one more');
    expect(many.overflowed).toBe(true);
    long.add('x1'.repeat(MAX_PATTERN_CHARS));
    expect([long.overflowed, long.size]).toEqual([true, 0]);
  });
  it('hides repeats of 4,000 ordinary ARNs', () => {
    const arns = Array.from(
      { length: 4_000 },
      (_, n) => `arn:aws:iam::123456789012:role/app-${n}x`,
    );
    const secrets = new SecretRegistry();
    for (const arn of arns) secrets.add(arn);
    expect(secrets.overflowed).toBe(false);
    expect(secrets.hideIn(arns.join('\n'), '*')).toBe(arns.map(() => '*').join('\n'));
  });
  it('hides the same spans as a naive search for each value', () => {
    const letters = fc.string({
      minLength: 8,
      maxLength: 11,
      unit: fc.constantFrom('a', 'b', 'A', ' '),
    });
    fc.assert(
      fc.property(
        fc.array(
          letters.filter((value) => value.trim().length >= 8),
          { maxLength: 6 },
        ),
        fc.string({ maxLength: 120, unit: fc.constantFrom('a', 'b', 'A', 'B', ' ') }),
        (values, text) => {
          const secrets = new SecretRegistry();
          for (const value of values) secrets.add(value);
          const mask = new Array<boolean>(text.length).fill(false);
          for (const value of values.map((text) => text.trim().toLowerCase()))
            for (const form of [value, value.replaceAll(' ', '+')])
              for (let at = 0; at + form.length <= text.length; at += 1)
                if (text.toLowerCase().startsWith(form, at)) mask.fill(true, at, at + form.length);
          const expected = Array.from(text, (char, n) => (mask[n] ? '*' : char))
            .join('')
            .replaceAll(/\*+/g, '*');
          expect(secrets.hideIn(text, '*')).toBe(expected);
        },
      ),
      { numRuns: 2_000 },
    );
  });
  it('hides a long value that shares its beginning with others', () => {
    const values = ['a', 'ab', 'ba', 'aab'].map((unit) => `${unit.repeat(30_000)}-${unit}`);
    const secrets = new SecretRegistry();
    for (const value of values) secrets.add(value);
    expect(secrets.overflowed).toBe(false);
    for (const value of values) expect(secrets.hideIn(`x ${value} y`, '*')).toBe('x * y');
    expect(secrets.hideIn('ab ba', '*')).toBe('ab ba');
  });
  it('hides values that were added after an earlier text', () => {
    const secrets = new SecretRegistry();
    for (let n = 0; n < 200; n += 1) {
      secrets.add(`secret-${n}-value`);
      expect(secrets.hideIn(`a secret-${n}-value b secret-0-value`, '*')).toBe('a * b *');
    }
  });
});

describe('redactJson of too deeply nested JSON', () => {
  const rules = new Redaction();
  const deep = (depth: number, inner: string) => `${'['.repeat(depth)}${inner}${']'.repeat(depth)}`;
  it('hides all strings, numbers and keys that could repeat a too deeply nested value', () => {
    const record = '{"note":"hunter2Zq9x","n":482133,"hunter2Zq9x":1,"ok":true,"a":"b"}';
    const text = `[${record},${deep(600, '{"token":"hunter2Zq9x"}')}]`;
    const redacted = compactJson(rules.redactJson(parseJson(text), { kind: 'arguments' }));
    expect(redacted).not.toContain('hunter2Zq9x');
    expect(redacted).not.toContain('482133');
    expect(redacted).toContain('"a":"b"');
  });
  it('keeps the class, ids and times of a job with too deeply nested arguments', () => {
    const id = '11111111-2222-4333-8444-555555555555';
    const payload =
      `{"job_class":"DeepJob","queue_name":"hunter2Zq9x","job_id":"${id}",` +
      `"arguments":[${deep(600, '"x"')}]}`;
    const text =
      `{"id":"${id}","error":"hunter2Zq9x","created_at":"2026-11-20T10:00:00.123456",` +
      `"serialized_params":${payload}}`;
    const redacted = compactJson(rules.redactJson(parseJson(text), { kind: 'row' }));
    expect(redacted).not.toContain('hunter2Zq9x');
    for (const part of [id, '2026-11-20T10:00:00.123456', 'DeepJob', '"arguments":'])
      expect(redacted).toContain(part);
  });
  it.each([5_000, 100_000, 500_000])('redacts JSON of depth %i without stack overflow', (depth) => {
    const nested = `${'{"a":['.repeat(depth)}1${']}'.repeat(depth)}`;
    expect(compactJson(rules.redactJson(parseJson(`[${nested}]`)))).toContain('[REDACTED]');
  });
});
