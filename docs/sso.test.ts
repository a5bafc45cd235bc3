import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { findNginx } from '../e2e/support/nginx';
import { ENV_NAMES, readEnv } from '../lib/config/environment';
import { grantsFor } from '../lib/console-schema/setup';

/* The examples of docs/sso.md must be valid for the console, the database and nginx. */
const read = (file: string) => readFileSync(new URL(file, import.meta.url), 'utf8');
const text = read('sso.md');
const SETTING_NAMES = new Set(ENV_NAMES);

/** Returns the code blocks of a language, each with the heading above it. */
function blocks(language: string): { heading: string; block: string }[] {
  const fence = new RegExp(`^\`\`\`${language}\\n([^]*?)^\`\`\``, 'gm');
  return text.split(/^## /m).flatMap((section) => {
    const heading = section.split('\n', 1).join('');
    return [...section.matchAll(fence)].map(([, block = '']) => ({ heading, block }));
  });
}

/** Replaces each value in angle brackets by a random secret, as a reader of the page does. */
const fillIn = (value: string) => value.replaceAll(/<[^>]+>/g, randomBytes(32).toString('hex'));

describe('docs/sso.md', () => {
  it.each(blocks('env'))(
    'has a configuration under "$heading" that the console accepts',
    ({ block }) => {
      const lines = block.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
      const pairs = lines.map(
        (line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)] as const,
      );
      for (const [name, value] of pairs) {
        expect(SETTING_NAMES, name).toContain(name);
        expect(value, name).not.toBe('');
      }
      expect(() =>
        readEnv({
          DATABASE_URL: 'postgres://localhost/app',
          ...Object.fromEntries(pairs.map(([name, value]) => [name, fillIn(value)])),
        }),
      ).not.toThrow();
    },
  );

  it('has placeholders for secrets that the console rejects', () => {
    const secrets = blocks('env').flatMap(({ block }) =>
      [...block.matchAll(/^(\w+(?:_SECRET|_TOKEN))=(.*)$/gm)].map(([, name = '', value = '']) => ({
        name,
        value,
        block,
      })),
    );
    expect(new Set(secrets.map(({ name }) => name))).toEqual(
      new Set(['AUTH_PROXY_SECRET', 'OIDC_CLIENT_SECRET', 'SESSION_SECRET', 'METRICS_TOKEN']),
    );
    for (const { name, value, block } of secrets) {
      const pairs = [...block.matchAll(/^(\w+)=(.*)$/gm)].map(([, key = '', text = '']) => [
        key,
        key === name ? text : fillIn(text),
      ]);
      const source = {
        DATABASE_URL: 'postgres://localhost/app',
        ...(Object.fromEntries(pairs) as Record<string, string>),
      };
      expect(value, name).toMatch(/^<.+>$/);
      expect(() => readEnv(source), name).toThrow(new RegExp(`^${name} is a placeholder`));
    }
  });

  it('has a placeholder in angle brackets for every secret and password, and no other', () => {
    expect(text.match(/change-?me/gi)).toEqual(['change-me']);
    const passwords = [
      ...[...text.matchAll(/:\/\/[^\s:/@]+:([^@\s]+)@/g)],
      ...text.matchAll(/PASSWORD '([^']*)'/g),
    ].map(([, password = '']) => password);
    expect(passwords.length).toBeGreaterThan(2);
    for (const password of passwords) expect(password).toMatch(/^<.+>$/);
  });

  it('names only variables that the console reads', () => {
    const named = [...text.matchAll(/`([A-Z][A-Z0-9]*_[A-Z0-9_]+)(?:=[^`]*)?`/g)].map(
      ([, name = '']) => name,
    );
    expect(named.length).toBeGreaterThan(10);
    expect(named.filter((name) => !SETTING_NAMES.has(name))).toEqual([]);
  });

  it('grants what npm run setup prints', () => {
    const statements = blocks('sql')
      .flatMap(({ block }) => block.split('\n'))
      .filter((line) => line.startsWith('GRANT'));
    const { read: toRead, operate, record } = grantsFor('public', 'good_job_console');
    expect(statements).toEqual([
      ...grantsFor('public', 'good_job_console_ro').read,
      ...toRead,
      ...operate,
      ...record,
    ]);
  });

  it('has valid YAML in all scrape configurations and alert rules', () => {
    for (const { block } of blocks('yaml')) expect(parse(block)).toBeTypeOf('object');
  });

  it.skipIf(!findNginx() && process.env.CI !== 'true')(
    'has configurations that nginx accepts',
    () => {
      const folder = mkdtempSync(path.join(tmpdir(), 'good-job-console-nginx-'));
      for (const { block } of blocks('nginx')) {
        // Without the certificate, which is the reader's own.
        const server = block
          .replace('listen 443 ssl;', `listen unix:${folder}/socket;`)
          .replaceAll(/^.*ssl_certificate.*$/gm, '');
        const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi']
          .map((kind) => `${kind}_temp_path ${folder}/${kind};`)
          .join(' ');
        writeFileSync(
          path.join(folder, 'nginx.conf'),
          `pid ${folder}/nginx.pid; events {} http { access_log off; ${temporary} ${server} }`,
        );
        execFileSync(
          findNginx() ?? 'nginx',
          ['-t', '-p', folder, '-e', 'stderr', '-c', path.join(folder, 'nginx.conf')],
          { stdio: 'pipe' },
        );
      }
      rmSync(folder, { recursive: true, force: true });
    },
  );
});
