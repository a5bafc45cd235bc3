import { execFile, execFileSync } from 'node:child_process';
import { chmod, chown, copyFile, mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import sql from 'sql-template-tag';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { testBinaries } from '../../test/harness/test-server';
import { type EmbeddedPostgres, startPostgres } from '../../test/postgres/postgres';
import { ConsoleError } from '../core/errors';
import { connectionConfig, tlsFailureReason } from './connection';
import { openDatabase } from './database';

const MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
const PASSWORD = 'p@ss:w/o%rd+ #?&é日本';
const hasOpenssl = canRunOpenssl();

function canRunOpenssl(): boolean {
  try {
    return execFileSync('openssl', ['version'], { stdio: 'pipe' }).length > 0;
  } catch {
    return false;
  }
}

let folder = '';
const file = (name: string) => path.join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(path.join(os.tmpdir(), 'gjc-connection-test-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

// Removes libpq's settings of this machine.
beforeEach(() => {
  for (const name of Object.keys(process.env))
    if (/^PG[A-Z]+$/.test(name)) vi.stubEnv(name, undefined);
});
afterEach(() => vi.unstubAllEnvs());

/** Connects and returns 'tls', 'plain', or the error code and TLS failure. */
async function outcome(url: string, caFile: string | null = null): Promise<string> {
  const database = openDatabase({ url, caFile, poolSize: 1, applicationName: 'connection-test' });
  try {
    const [row] = await database.read((tx) =>
      tx.query(
        z.strictObject({ ssl: z.boolean() }),
        sql`SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()`,
      ),
    );
    return row?.ssl ? 'tls' : 'plain';
  } catch (error) {
    return [error instanceof ConsoleError ? error.code : String(error), tlsFailureReason(error)]
      .filter(Boolean)
      .join(' ');
  } finally {
    await database.close().catch(() => undefined);
  }
}

/** Connects and returns the error of node-pg, or undefined. */
async function connectionError(url: string, caFile: string | null): Promise<unknown> {
  try {
    const client = new pg.Client(await connectionConfig(url, caFile));
    client.on('error', () => undefined);
    await client.connect();
    await client.end();
    return undefined;
  } catch (error) {
    return error;
  }
}

/** Returns the error code and message for an invalid setting. */
async function settingError(url: string, caFile: string | null = null): Promise<string> {
  const error: unknown = await connectionConfig(url, caFile).catch((reason: unknown) => reason);
  if (!(error instanceof ConsoleError) || !(error.cause instanceof Error))
    throw new Error('The setting was accepted.', { cause: error });
  return `${error.code}: ${error.cause.message}`;
}

function withQuery(
  server: { url: string },
  query: Record<string, string>,
  login?: { user: string; password?: string },
): string {
  const url = new URL(server.url);
  if (login) {
    url.username = login.user;
    url.password = encodeURIComponent(login.password ?? PASSWORD);
  }
  url.search = Object.entries(query)
    .map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
    .join('&');
  return url.href;
}

async function asSuperuser(server: EmbeddedPostgres, ...statements: string[]): Promise<void> {
  const client = new pg.Client({ connectionString: server.url, ssl: false });
  await client.connect();
  for (const statement of statements) await client.query(statement);
  await client.end();
}

const openssl = (...args: string[]) => promisify(execFile)('openssl', args, { cwd: folder });
const NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];

async function makeAuthority(name: string): Promise<void> {
  await openssl(
    'req',
    '-x509',
    ...NEW_KEY,
    '-keyout',
    `${name}.key`,
    '-out',
    `${name}.crt`,
    '-subj',
    `/CN=${name}`,
    '-days',
    '2',
  );
}

async function makeCertificate(
  name: string,
  subject: string,
  alternatives: string,
  days = '2',
): Promise<void> {
  await openssl(
    'req',
    '-new',
    ...NEW_KEY,
    '-keyout',
    `${name}.key`,
    '-out',
    `${name}.csr`,
    '-subj',
    `/CN=${subject}`,
  );
  await writeFile(file(`${name}.ext`), `subjectAltName=${alternatives}\n`);
  await openssl(
    'x509',
    '-req',
    '-in',
    `${name}.csr`,
    '-CA',
    'authority.crt',
    '-CAkey',
    'authority.key',
    '-CAcreateserial',
    '-extfile',
    `${name}.ext`,
    '-days',
    days,
    '-out',
    `${name}.crt`,
  );
}

/** Copies a file to the server's account, because Postgres rejects keys with another owner. */
async function installFile(server: EmbeddedPostgres, from: string, to: string): Promise<void> {
  const owner = await stat(server.dataDir);
  const target = path.join(server.dataDir, to);
  await copyFile(from, target);
  await chmod(target, 0o600);
  await chown(target, owner.uid, owner.gid);
}

async function makeCertificates(): Promise<void> {
  await Promise.all(['authority', 'other-authority', 'self-signed'].map(makeAuthority));
  await makeCertificate('good', 'db', 'DNS:localhost,IP:127.0.0.1');
  await makeCertificate('db.example', 'db.example', 'DNS:db.example');
  await makeCertificate('expired', 'db', 'IP:127.0.0.1', '0');
  await makeCertificate('client', 'only_cert', 'DNS:client');
  await openssl(
    'ec',
    '-in',
    'client.key',
    '-aes256',
    '-passout',
    'pass:s3cret phrase',
    '-out',
    'client-encrypted.key',
  );
}

async function useCertificate(server: EmbeddedPostgres, name: string): Promise<void> {
  await installFile(server, file(`${name}.crt`), 'server.crt');
  await installFile(server, file(`${name}.key`), 'server.key');
  await server.restart();
}

const start = () => startPostgres({ binaries: testBinaries(), settings: { fsync: 'off' } });

const HBA = `
hostssl   all  only_tls    127.0.0.1/32  scram-sha-256
hostnossl all  only_plain  127.0.0.1/32  scram-sha-256
hostssl   all  only_cert   127.0.0.1/32  cert
host      all  postgres    127.0.0.1/32  scram-sha-256
`;
const ROLES = ['only_tls', 'only_plain', 'only_cert', 'nobody_knows'].map(
  (role) => `CREATE ROLE ${role} LOGIN PASSWORD ${pg.escapeLiteral(PASSWORD)}`,
);

describe('connectionConfig for a server without TLS', () => {
  let server: EmbeddedPostgres;
  beforeAll(async () => {
    server = await start();
    await asSuperuser(server, ...ROLES);
    await writeFile(file('hba'), HBA);
    await installFile(server, file('hba'), 'pg_hba.conf');
    await server.restart();
  });
  afterAll(() => server?.stop());

  test.each([
    ['', 'plain'],
    ['disable', 'plain'],
    ['allow', 'plain'],
    ['prefer', 'plain'],
    ['require', 'tls_not_offered'],
    ['verify-full', 'tls_not_offered'],
  ])('connects to a server without TLS with sslmode=%s: %s', async (sslmode, expected) => {
    expect(await outcome(withQuery(server, { sslmode }))).toBe(expected);
  });

  test('returns database_login if pg_hba.conf has no rule for the user', async () => {
    for (const sslmode of ['allow', 'prefer'])
      expect(await outcome(withQuery(server, { sslmode }, { user: 'nobody_knows' }))).toBe(
        'database_login',
      );
  });

  test('returns the code for a wrong password, a missing database and a closed port', async () => {
    expect(await outcome(withQuery(server, {}, { user: 'postgres', password: 'wrong' }))).toBe(
      'database_login',
    );
    expect(await outcome(server.url.replace(/postgres$/, 'no_such_database'))).toBe(
      'database_login',
    );
    expect(await outcome('postgres://postgres@127.0.0.1:1/db')).toBe('database_down');
  });

  test('accepts any password in the user info or in the query, where + stays a +', async () => {
    const { port } = server;
    expect(
      await outcome(
        `postgres://only_plain:${encodeURIComponent(PASSWORD)}@127.0.0.1:${port}/postgres`,
      ),
    ).toBe('plain');
    const inQuery = encodeURIComponent(PASSWORD).replace('%2B', '+');
    expect(
      await outcome(
        `postgresql:///postgres?host=127.0.0.1&port=${port}&user=only_plain&password=${inQuery}`,
      ),
    ).toBe('plain');
  });

  test('connects over a Unix socket without TLS for every sslmode', async () => {
    // The test server listens only on TCP, so a relay provides the socket.
    const sockets = new Set<net.Socket>();
    const relay = net.createServer((socket) => {
      const upstream = net.connect(server.port, '127.0.0.1');
      for (const end of [socket, upstream]) {
        sockets.add(end);
        end.on('error', () => undefined);
      }
      socket.pipe(upstream).pipe(socket);
    });
    const socketFolder = file('s');
    await mkdir(socketFolder);
    await new Promise<void>((resolve) =>
      relay.listen(path.join(socketFolder, '.s.PGSQL.5433'), resolve),
    );
    const { password } = new URL(server.url);
    try {
      expect(
        await outcome(
          `postgres:///postgres?host=${socketFolder}&port=5433&user=postgres&password=${password}&sslmode=verify-ca`,
        ),
      ).toBe('plain');
      expect(
        await outcome(
          `postgres://postgres:${password}@${encodeURIComponent(socketFolder)}:5433/postgres?sslmode=require`,
        ),
      ).toBe('plain');
      vi.stubEnv('PGHOST', socketFolder);
      expect(await outcome(`postgres://postgres:${password}@/postgres?port=5433`)).toBe('plain');
    } finally {
      for (const socket of sockets) socket.destroy();
      relay.close();
    }
  });
});

// Certificates are generated, because stored ones would expire.
describe.skipIf(!hasOpenssl)('connectionConfig for a server with TLS (needs openssl)', () => {
  let server: EmbeddedPostgres;
  const ca = () => file('authority.crt');
  const urlFor = (user: string, query: Record<string, string>) =>
    withQuery(server, query, { user });

  beforeAll(async () => {
    [server] = await Promise.all([start(), makeCertificates()]);
    await asSuperuser(
      server,
      ...ROLES,
      'ALTER SYSTEM SET ssl = on',
      `ALTER SYSTEM SET ssl_ca_file = 'authority.crt'`,
    );
    await writeFile(file('hba'), HBA);
    await installFile(server, file('hba'), 'pg_hba.conf');
    await installFile(server, ca(), 'authority.crt');
    await useCertificate(server, 'good');
  });
  afterAll(() => server?.stop());

  describe('with a valid certificate', () => {
    test.each([
      ['', 'tls', 'tls', 'tls_unknown_authority'],
      ['disable', 'plain', 'plain', 'plain'],
      ['allow', 'plain', 'plain', 'plain'],
      ['prefer', 'tls', 'tls', 'tls_unknown_authority'],
      ['require', 'tls', 'tls', 'tls_unknown_authority'],
      ['verify-ca', 'database_tls other', 'tls', 'tls_unknown_authority'],
      ['verify-full', 'tls_unknown_authority', 'tls', 'tls_unknown_authority'],
    ])(
      'connects with sslmode=%s: without a CA %s, with the right CA %s, with another CA %s',
      async (sslmode, without, right, wrong) => {
        expect(await outcome(withQuery(server, { sslmode }))).toBe(without);
        expect(await outcome(withQuery(server, { sslmode }), ca())).toBe(right);
        expect(
          await outcome(withQuery(server, { sslmode, sslrootcert: file('other-authority.crt') })),
        ).toBe(wrong);
      },
    );

    test('verifies the host name localhost', async () => {
      expect(
        await outcome(
          withQuery(server, { sslmode: 'verify-full' }).replace('127.0.0.1', 'localhost'),
          ca(),
        ),
      ).toBe('tls');
    });

    test('prefers DATABASE_CA_FILE to sslrootcert', async () => {
      expect(
        await outcome(
          withQuery(server, { sslmode: 'verify-full', sslrootcert: '/missing.pem' }),
          ca(),
        ),
      ).toBe('tls');
      expect(
        await outcome(
          withQuery(server, { sslmode: 'verify-full', sslrootcert: ca() }),
          file('other-authority.crt'),
        ),
      ).toBe('tls_unknown_authority');
    });

    test('verifies fully for sslrootcert=system and rejects weaker modes with it', async () => {
      expect(await outcome(withQuery(server, { sslrootcert: 'system' }))).toBe(
        'tls_unknown_authority',
      );
      expect(
        await settingError(withQuery(server, { sslrootcert: 'system', sslmode: 'require' })),
      ).toBe(
        'database_tls: sslrootcert in DATABASE_URL is "system", ' +
          'which needs sslmode=verify-full; sslmode in DATABASE_URL is "require".',
      );
    });

    test('ignores the other parameters of libpq and Rails', async () => {
      const others = {
        channel_binding: 'require',
        connect_timeout: '1',
        application_name: 'rails',
        options: '-c no_such_setting=1',
        target_session_attrs: 'read-write',
        pool: '5',
        prepared_statements: 'false',
        encoding: 'unicode',
      };
      expect(await outcome(withQuery(server, { sslmode: 'require', ...others }))).toBe('tls');
      expect(await outcome(withQuery(server, { ...others, ssl: 'true' }))).toBe('tls');
    });

    test('uses PGSSLMODE and PGSSLROOTCERT unless the URL overrides them', async () => {
      vi.stubEnv('PGSSLMODE', 'verify-full');
      vi.stubEnv('PGSSLROOTCERT', file('other-authority.crt'));
      expect(await outcome(server.url)).toBe('tls_unknown_authority');
      expect(await outcome(withQuery(server, { sslrootcert: ca() }))).toBe('tls');
      expect(await outcome(withQuery(server, { sslmode: 'disable' }))).toBe('plain');
    });

    test('verifies certificates despite NODE_TLS_REJECT_UNAUTHORIZED=0', async () => {
      vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
      expect(await outcome(withQuery(server, { sslmode: 'verify-full' }))).toBe(
        'tls_unknown_authority',
      );
    });

    test('sends a client certificate with a plain or encrypted key', async () => {
      const pair = {
        sslmode: 'verify-full',
        sslcert: file('client.crt'),
        sslkey: file('client.key'),
      };
      expect(await outcome(urlFor('only_cert', pair), ca())).toBe('tls');
      expect(
        await outcome(
          urlFor('only_cert', {
            ...pair,
            sslkey: file('client-encrypted.key'),
            sslpassword: 's3cret phrase',
          }),
          ca(),
        ),
      ).toBe('tls');
      expect(await outcome(urlFor('only_cert', { sslmode: 'verify-full' }), ca())).toBe(
        'database_tls other',
      );
    });
  });

  describe('with a pg_hba.conf rule only for encrypted or only for plain connections', () => {
    test.each([
      ['disable', 'tls_required_by_server', 'plain'],
      ['allow', 'tls', 'plain'],
      ['prefer', 'tls', 'plain'],
      ['require', 'tls', 'database_login'],
    ])(
      'returns for sslmode=%s: %s under hostssl, %s under hostnossl',
      async (sslmode, hostssl, hostnossl) => {
        expect(await outcome(urlFor('only_tls', { sslmode }))).toBe(hostssl);
        expect(await outcome(urlFor('only_plain', { sslmode }))).toBe(hostnossl);
      },
    );

    test('returns database_login if there is no rule for the user', async () => {
      for (const sslmode of ['allow', 'prefer'])
        expect(await outcome(urlFor('nobody_knows', { sslmode }))).toBe('database_login');
    });

    test('returns database_login for a wrong password', async () => {
      for (const user of ['only_tls', 'only_plain'])
        for (const sslmode of ['allow', 'prefer'])
          expect(await outcome(withQuery(server, { sslmode }, { user, password: 'wrong' }))).toBe(
            'database_login',
          );
    });
  });

  test.each([
    ['db.example', 'tls', 'tls_host_name'],
    ['expired', 'tls_expired', 'tls_expired'],
    ['self-signed', 'tls_self_signed', 'tls_self_signed'],
  ])(
    'returns for the certificate "%s": %s under verify-ca, %s under verify-full',
    async (name, verifyCa, verifyFull) => {
      await useCertificate(server, name);
      expect(
        await Promise.all(MODES.map((sslmode) => outcome(urlFor('only_tls', { sslmode }), ca()))),
      ).toEqual(['tls_required_by_server', verifyCa, verifyCa, verifyCa, verifyCa, verifyFull]);
      expect(
        await Promise.all(
          ['prefer', 'require'].map((sslmode) => outcome(withQuery(server, { sslmode }))),
        ),
      ).toEqual(['tls', 'tls']);
    },
  );

  test('accepts a self-signed certificate as its own authority', async () => {
    await useCertificate(server, 'self-signed');
    expect(
      await outcome(withQuery(server, { sslmode: 'verify-ca' }), file('self-signed.crt')),
    ).toBe('tls');
  });

  test('falls back from an old TLS version to plain text under prefer without a CA', async () => {
    await asSuperuser(
      server,
      `ALTER SYSTEM SET ssl_min_protocol_version = 'TLSv1'`,
      `ALTER SYSTEM SET ssl_max_protocol_version = 'TLSv1'`,
    );
    await useCertificate(server, 'good');
    expect(await outcome(withQuery(server, { sslmode: 'prefer' }))).toBe('plain');
    const errors = await Promise.all([
      connectionError(withQuery(server, { sslmode: 'require' }), null),
      connectionError(withQuery(server, { sslmode: 'prefer' }), ca()),
    ]);
    expect(errors.map(tlsFailureReason)).toEqual(['other', 'other']);
  });

  test('describes a missing or invalid certificate file in one sentence', async () => {
    await writeFile(file('garbage.pem'), 'garbage');
    const requireError = (query: Record<string, string>) =>
      settingError(withQuery(server, { sslmode: 'require', ...query }));
    const cert = file('client.crt');
    const key = file('client.key');
    expect(await settingError(server.url, file('missing.pem'))).toBe(
      `database_tls: DATABASE_CA_FILE names the file ${file('missing.pem')}, which cannot be read (ENOENT).`,
    );
    expect(await settingError(server.url, file('garbage.pem'))).toBe(
      `database_tls: DATABASE_CA_FILE names the file ${file('garbage.pem')}, which holds no PEM certificate.`,
    );
    expect(await requireError({ sslrootcert: folder })).toBe(
      `database_tls: sslrootcert in DATABASE_URL names the file ${folder}, which cannot be read (EISDIR).`,
    );
    expect(await requireError({ sslcert: file('missing.pem'), sslkey: key })).toBe(
      `database_tls: sslcert in DATABASE_URL names the file ${file('missing.pem')}, which cannot be read (ENOENT).`,
    );
    expect(await requireError({ sslcert: cert, sslkey: file('missing.pem') })).toBe(
      `database_tls: sslkey in DATABASE_URL names the file ${file('missing.pem')}, which cannot be read (ENOENT).`,
    );
    expect(await requireError({ sslcert: file('garbage.pem'), sslkey: key })).toBe(
      `database_tls: sslcert in DATABASE_URL names the file ${file('garbage.pem')}, which holds no PEM certificate.`,
    );
    expect(
      await requireError({
        sslcert: cert,
        sslkey: file('client-encrypted.key'),
        sslpassword: 'wrong',
      }),
    ).toBe(
      `database_tls: sslkey in DATABASE_URL names the file ${file('client-encrypted.key')}, ` +
        'which holds no PEM private key that can be opened (an encrypted one needs the right sslpassword).',
    );
    expect(await requireError({ sslcert: cert, sslkey: file('good.key') })).toBe(
      `database_tls: sslkey in DATABASE_URL names the file ${file('good.key')}, ` +
        'which holds a private key that is not the one of sslcert.',
    );
    expect(await requireError({ sslcert: cert })).toBe(
      'database_tls: sslcert in DATABASE_URL is set, so sslkey must be set too.',
    );
    expect(await requireError({ sslkey: key })).toBe(
      'database_tls: sslkey in DATABASE_URL is set, so sslcert must be set too.',
    );
  });
});

describe('connectionConfig', () => {
  test.each([
    [
      'postgres://u:p@db.example:6432/app?sslmode=disable',
      { user: 'u', password: 'p', host: 'db.example', port: 6432, database: 'app' },
    ],
    [
      'POSTGRESQL://u@[fe80::1]:5433/app?sslmode=disable',
      { user: 'u', password: undefined, host: 'fe80::1', port: 5433, database: 'app' },
    ],
    [
      'postgres://u@[::1]?sslmode=disable',
      { user: 'u', host: '::1', port: undefined, database: undefined },
    ],
    [
      'postgres:///db?host=/var/run/postgresql',
      { host: '/var/run/postgresql', user: os.userInfo().username, database: 'db' },
    ],
    ['postgres://%2Fvar%2Frun/db', { host: '/var/run', database: 'db' }],
    [
      'postgres://u%40corp:p%40%2F%3A%25@h/d%20b?sslmode=disable',
      { user: 'u@corp', password: 'p@/:%', host: 'h', database: 'd b' },
    ],
    [
      'postgres://u:a:b#c?d@h/db?sslmode=disable',
      { user: 'u', password: 'a:b#c?d', host: 'h', database: 'db' },
    ],
    [
      'postgres://h/db?user=u&password=a+b&port=5434&sslmode=disable',
      { user: 'u', password: 'a+b', host: 'h', port: 5434 },
    ],
    [
      'postgres://?username=u&database=d&host=h&sslmode=disable',
      { user: 'u', database: 'd', host: 'h' },
    ],
    ['postgres://name/db?hostaddr=10.0.0.1&sslmode=disable', { host: 'name' }],
    ['postgres:///db?hostaddr=10.0.0.1&sslmode=disable', { host: '10.0.0.1' }],
    ['postgres:///db?port=1&sslmode=disable', { host: 'localhost', port: 1 }],
  ])('connectionConfig parses the URL %s', async (url, expected) => {
    expect(await connectionConfig(url, null)).toMatchObject({ ...expected, ssl: false });
  });

  test.each([
    [
      'postgres://u:secret/part@h/db',
      'database_down: DATABASE_URL has a port that is not a number from 1 to 65535; ' +
        'if that is a part of the password, percent-encode its / as %2F.',
    ],
    [
      'postgres://u:50%secret@h/db',
      'database_down: DATABASE_URL holds a % that does not begin a percent-encoded UTF-8 ' +
        'character; write the % itself as %25.',
    ],
    [
      'postgres://u:secret@a:1,b:2/db',
      'database_down: DATABASE_URL names several hosts; name the one that takes writes.',
    ],
    [
      'postgres://u:secret@/db?host=a,b',
      'database_down: DATABASE_URL names several hosts; name the one that takes writes.',
    ],
    [
      'postgres://u:secret@[::1/db',
      'database_down: DATABASE_URL is not a URL such as ' +
        'postgres://user:password@host:5432/database; ' +
        'a / ? # @ in the user name or the password must be percent-encoded.',
    ],
    [
      'postgres://u:secret@h/db?sslmode=no-verify',
      'database_tls: sslmode in DATABASE_URL is "no-verify"; ' +
        'it must be one of disable, allow, prefer, require, verify-ca, verify-full.',
    ],
    [
      'postgres://u:secret@h/db?sslmode=verify-ca',
      'database_tls: sslmode in DATABASE_URL is "verify-ca", which needs the authority\'s ' +
        'certificate: set DATABASE_CA_FILE, or sslrootcert in DATABASE_URL.',
    ],
  ])('connectionConfig rejects the URL %s', async (url, sentence) => {
    expect(await settingError(url)).toBe(sentence);
  });
});

describe('tlsFailureReason', () => {
  const errorWith = (code: string, message: string) => Object.assign(new Error(message), { code });
  test.each([
    [
      errorWith(
        '28000',
        'no pg_hba.conf entry for host "10.0.0.1", user "u", database "d", SSL off',
      ),
      'required_by_server',
    ],
    [
      errorWith(
        '28000',
        'pg_hba.conf にホスト"10.0.0.1"、ユーザー"u"、データベース"d, 暗号化なし用のエントリがありません',
      ),
      'required_by_server',
    ],
    [errorWith('08P01', 'SSL required'), 'required_by_server'],
    [
      errorWith('28000', 'SSL connection is required. Please specify SSL options and retry.'),
      'required_by_server',
    ],
    [
      errorWith(
        '28000',
        'no pg_hba.conf entry for host "10.0.0.1", user "u", database "d", SSL encryption',
      ),
      null,
    ],
    [errorWith('28P01', 'password authentication failed for user "u"'), null],
    [errorWith('CERT_NOT_YET_VALID', 'certificate is not yet valid'), 'other'],
    [
      new Error('wrapped', { cause: errorWith('CERT_HAS_EXPIRED', 'certificate has expired') }),
      'expired',
    ],
    [new ConsoleError('database_tls', { cause: new Error('DATABASE_CA_FILE …') }), 'other'],
    [new ConsoleError('database_login', { cause: errorWith('28000', 'no encryption') }), null],
    [errorWith('ECONNREFUSED', 'connect ECONNREFUSED'), null],
    ['text', null],
    [undefined, null],
  ])('tlsFailureReason returns for %s: %s', (error, reason) => {
    expect(tlsFailureReason(error)).toBe(reason);
  });
});
