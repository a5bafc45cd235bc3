import { X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import tls from 'node:tls';
import { ConsoleError, codeOf } from '../core/errors';

/*
 * Parses DATABASE_URL, DATABASE_CA_FILE and libpq's variables without connecting. Not with
 * node-pg's parser, which verifies certificates under `require`, does not support `allow` and
 * `prefer`, and decodes a + as a space.
 */

const SSL_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
type SslMode = (typeof SSL_MODES)[number];

/**
 * Socket folders of common libpq packages: a URL without a host means a local socket, as in Rails.
 */
const SOCKET_FOLDERS = ['/var/run/postgresql', '/tmp'];

interface ConnectionSettings {
  server: Server;
  /** Null: no encryption. Under `prefer` and `allow` plain text is the other option. */
  encryption: {
    mode: Exclude<SslMode, 'disable'>;
    ssl: tls.ConnectionOptions;
    channelBinding: boolean;
  } | null;
}

/**
 * Parses DATABASE_URL as Rails does; `caFile` (DATABASE_CA_FILE) overrides sslrootcert. Reads files
 * but does not connect. Throws ConsoleError whose cause has one sentence for the operator.
 */
export async function readConnectionSettings(
  url: string,
  caFile: string | null,
): Promise<ConnectionSettings> {
  const { settings, ...server } = readUrl(url);
  const root =
    caFile === null ? settings.get('sslrootcert') : { value: caFile, label: 'DATABASE_CA_FILE' };
  const mode = sslMode(settings, root);
  // Like libpq, ignores sslmode on a Unix socket.
  if (mode === 'disable' || server.host.startsWith('/')) return { server, encryption: null };
  return {
    server,
    // Only on request, unlike libpq: channel binding in node-pg fails for Ed25519 certificates.
    encryption: {
      mode,
      ssl: await tlsOptions(settings, mode, root),
      channelBinding: settings.get('channel_binding')?.value === 'require',
    },
  };
}

/** A value and its origin for error messages, such as `sslmode in DATABASE_URL`. */
interface Setting {
  value: string;
  label: string;
}
type Settings = ReadonlyMap<string, Setting>;

interface Server {
  host: string;
  port: number | undefined;
  user: string | undefined;
  password: string | undefined;
  database: string | undefined;
}

/**
 * libpq's grammar. A WHATWG URL would end at a # in the password and repeat the URL in its errors.
 */
const URL_SHAPE =
  /^postgres(?:ql)?:\/\/(?:([^/]*)@|(?![^/]*@))(\[[^\]]*\]|[^:/?[\]]*)(?::([^/?]*))?(?:\/([^?]*))?(?:\?(.*))?$/is;

function readUrl(url: string): Server & { settings: Settings } {
  const shape = URL_SHAPE.exec(url);
  // Messages never quote the URL: after an unencoded / any part may belong to the password.
  if (!shape)
    throw invalidUrl(
      'DATABASE_URL is not a URL such as postgres://user:password@host:5432/database; ' +
        'a / ? # @ in the user name or the password must be percent-encoded.',
    );
  const [, login = '', hostname = '', port = '', path = '', query = ''] = shape;
  const settings = readSettings(query);
  // As in Rails, query parameters override the other parts. `names` lists libpq's and Rails' names.
  const valueOf = (names: string[], fallback: string) =>
    names.map((name) => settings.get(name)?.value).find(Boolean) || decode(fallback) || undefined;
  const colon = login.indexOf(':');
  const portNumber = readPort(valueOf(['port'], port));
  const host =
    valueOf(['host'], hostname.replace(/^\[(.*)\]$/, '$1')) ??
    settings.get('hostaddr')?.value ??
    defaultHost(portNumber);
  if (host.includes(','))
    throw invalidUrl('DATABASE_URL names several hosts; name the one that takes writes.');
  return {
    host,
    port: portNumber,
    user: valueOf(['user', 'username'], colon < 0 ? login : login.slice(0, colon)) ?? defaultUser(),
    password: valueOf(['password'], colon < 0 ? '' : login.slice(colon + 1)),
    database: valueOf(['dbname', 'database'], path),
    settings,
  };
}

/**
 * Returns the parameters of the URL, with libpq's TLS variables (PGSSLMODE, PGSSLROOTCERT, …) as
 * defaults. The console ignores `options`, which PgBouncer rejects; `connect_timeout` and
 * `application_name`, which the pool sets; and Rails' own parameters (`pool`, …).
 */
function readSettings(query: string): Settings {
  const settings = new Map<string, Setting>();
  for (const name of ['sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'channel_binding']) {
    const variable = `PG${name.replace('_', '').toUpperCase()}`;
    const value = process.env[variable];
    if (value) settings.set(name, { value, label: variable });
  }
  // JDBC's spelling, which libpq supports too.
  if (query.split('&').includes('ssl=true'))
    settings.set('sslmode', { value: 'require', label: 'ssl in DATABASE_URL' });
  for (const pair of query.split('&')) {
    const [name = '', ...rest] = pair.split('=');
    const value = decode(rest.join('='));
    if (value) settings.set(decode(name), { value, label: `${decode(name)} in DATABASE_URL` });
  }
  return settings;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw invalidUrl(
      'DATABASE_URL holds a % that does not begin a percent-encoded UTF-8 character; write the % itself as %25.',
    );
  }
}

function readPort(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (text.includes(','))
    throw invalidUrl('DATABASE_URL names several hosts; name the one that takes writes.');
  if (/^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65535) return Number(text);
  throw invalidUrl(
    'DATABASE_URL has a port that is not a number from 1 to 65535; ' +
      'if that is a part of the password, percent-encode its / as %2F.',
  );
}

function defaultHost(port: number | undefined): string {
  if (process.env.PGHOST) return process.env.PGHOST;
  const socket = `.s.PGSQL.${port ?? (process.env.PGPORT || 5432)}`;
  return SOCKET_FOLDERS.find((folder) => existsSync(`${folder}/${socket}`)) ?? 'localhost';
}

/** The account of this process, as in libpq. node-pg uses $USER, which services often lack. */
function defaultUser(): string | undefined {
  if (process.env.PGUSER) return process.env.PGUSER;
  try {
    return userInfo().username;
  } catch {
    // A container may run under a user id without a name.
    return undefined;
  }
}

function invalidUrl(sentence: string): ConsoleError {
  return new ConsoleError('database_down', { cause: new Error(sentence) });
}

function invalidTls(sentence: string): ConsoleError {
  return new ConsoleError('database_tls', { cause: new Error(sentence) });
}

function sslMode(settings: Settings, root: Setting | undefined): SslMode {
  const setting = settings.get('sslmode');
  if (!setting) {
    // DATABASE_CA_FILE must not weaken the verification that sslrootcert=system implies.
    const usesSystemAuthorities =
      root?.value === 'system' || settings.get('sslrootcert')?.value === 'system';
    return usesSystemAuthorities ? 'verify-full' : 'prefer';
  }
  const mode = SSL_MODES.find((supported) => supported === setting.value);
  if (!mode)
    throw invalidTls(
      `${setting.label} is "${setting.value}"; it must be one of ${SSL_MODES.join(', ')}.`,
    );
  return mode;
}

async function tlsOptions(
  settings: Settings,
  mode: SslMode,
  root: Setting | undefined,
): Promise<tls.ConnectionOptions> {
  const label = settings.get('sslmode')?.label ?? 'sslmode';
  // System authorities sign certificates for any site, so the host name must be verified, as in
  // libpq.
  if (root?.value === 'system' && mode !== 'verify-full')
    throw invalidTls(
      `${root.label} is "system", which needs sslmode=verify-full; ${label} is "${mode}".`,
    );
  if (mode === 'verify-ca' && !root)
    throw invalidTls(
      `${label} is "verify-ca", which needs the authority's certificate: ` +
        'set DATABASE_CA_FILE, or sslrootcert in DATABASE_URL.',
    );
  // Unlike libpq, verify-full without a file uses Node's authorities and NODE_EXTRA_CA_CERTS.
  const ca = root && root.value !== 'system' ? await readCertificates(root) : undefined;
  return {
    ...(await readClientCertificate(settings)),
    ...(ca !== undefined && { ca }),
    ...(mode !== 'verify-full' && { checkServerIdentity: () => undefined }),
    // Always explicit, because NODE_TLS_REJECT_UNAUTHORIZED=0 would change the default.
    rejectUnauthorized: ca !== undefined || mode === 'verify-full',
  };
}

async function readSettingFile({ value, label }: Setting): Promise<string> {
  try {
    return await readFile(value, 'utf8');
  } catch (error) {
    throw invalidTls(
      `${label} names the file ${value}, which cannot be read (${codeOf(error) ?? 'unknown reason'}).`,
    );
  }
}

async function readCertificates(root: Setting): Promise<string> {
  const pem = await readSettingFile(root);
  try {
    // Node ignores a file without certificates, and then every verification fails.
    new X509Certificate(pem);
    return pem;
  } catch {
    throw invalidTls(`${root.label} names the file ${root.value}, which holds no PEM certificate.`);
  }
}

async function readClientCertificate(
  settings: Settings,
): Promise<Pick<tls.ConnectionOptions, 'cert' | 'key' | 'passphrase'>> {
  const certificate = settings.get('sslcert');
  const privateKey = settings.get('sslkey');
  if (!certificate && !privateKey) return {};
  if (!privateKey) throw invalidTls(`${certificate?.label} is set, so sslkey must be set too.`);
  if (!certificate) throw invalidTls(`${privateKey.label} is set, so sslcert must be set too.`);
  const pair = {
    cert: await readSettingFile(certificate),
    key: await readSettingFile(privateKey),
    passphrase: settings.get('sslpassword')?.value,
  };
  checkSecureContext(certificate, { cert: pair.cert }, 'holds no PEM certificate');
  checkSecureContext(
    privateKey,
    { key: pair.key, passphrase: pair.passphrase },
    'holds no PEM private key that can be opened (an encrypted one needs the right sslpassword)',
  );
  checkSecureContext(privateKey, pair, 'holds a private key that is not the one of sslcert');
  return pair;
}

/** Throws an error about the file of a setting if OpenSSL rejects the options. */
function checkSecureContext(
  { value, label }: Setting,
  options: tls.SecureContextOptions,
  problem: string,
): void {
  try {
    tls.createSecureContext(options);
  } catch {
    throw invalidTls(`${label} names the file ${value}, which ${problem}.`);
  }
}
