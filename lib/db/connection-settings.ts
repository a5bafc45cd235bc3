import { X509Certificate } from 'node:crypto';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import tls from 'node:tls';
import { ConsoleError, codeOf } from '../core/errors';

/*
 * What DATABASE_URL, DATABASE_CA_FILE and libpq's variables say, read before anything is connected to. Not by node-pg's
 * own parser: it verifies under `require`, knows neither `allow` nor `prefer`, and reads a + as a space.
 */

const SSL_MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const;
type SslMode = (typeof SSL_MODES)[number];

/** Where libpq's packages put the server's socket: what a URL without a host means to Rails. */
const SOCKET_FOLDERS = ['/var/run/postgresql', '/tmp'];

export interface ConnectionSettings {
  server: Server;
  /** How it is encrypted; null: not at all. `prefer` and `allow` say which of the two ways is tried first. */
  encryption: {
    mode: Exclude<SslMode, 'disable'>;
    ssl: tls.ConnectionOptions;
    channelBinding: boolean;
  } | null;
}

/**
 * What DATABASE_URL means to Rails; caFile (DATABASE_CA_FILE) takes the place of sslrootcert. Touches nothing but
 * files. Throws a ConsoleError whose cause is one sentence for whoever set the variable.
 */
export async function readConnectionSettings(
  url: string,
  caFile: string | null,
): Promise<ConnectionSettings> {
  const { settings, ...server } = readUrl(url);
  const root =
    caFile === null ? settings.get('sslrootcert') : { value: caFile, label: 'DATABASE_CA_FILE' };
  const mode = sslMode(settings, root);
  // libpq ignores sslmode on a Unix socket as well: nobody is in between.
  if (mode === 'disable' || server.host.startsWith('/')) return { server, encryption: null };
  return {
    server,
    // libpq's default is to bind the channel where it can; node-pg fails on some certificates (Ed25519), so only for those who insist.
    encryption: {
      mode,
      ssl: await tlsOptions(settings, mode, root),
      channelBinding: settings.get('channel_binding')?.value === 'require',
    },
  };
}

/** A value and the words that tell the operator where it was set. */
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

/** libpq's grammar: WHATWG's URL ends at a # in the password, and its errors repeat their input. */
const URL_SHAPE =
  /^postgres(?:ql)?:\/\/(?:([^/]*)@|(?![^/]*@))(\[[^\]]*\]|[^:/?[\]]*)(?::([^/?]*))?(?:\/([^?]*))?(?:\?(.*))?$/is;

function readUrl(url: string): Server & { settings: Settings } {
  const shape = URL_SHAPE.exec(url);
  // None of these sentences repeats a part of the URL: with a stray / any part may be one of the password.
  if (!shape)
    throw unusable(
      'DATABASE_URL is not a URL such as postgres://user:password@host:5432/database; a / ? # @ in the user name or the password must be percent-encoded.',
    );
  const [, login = '', hostname = '', port = '', path = '', query = ''] = shape;
  const settings = readSettings(query);
  // As in Rails, the query wins over the same thing before it; both ways to name the user and the database are in use.
  const given = (names: string[], text: string) =>
    names.map((name) => settings.get(name)?.value).find(Boolean) || decode(text) || undefined;
  const colon = login.indexOf(':');
  const portNumber = readPort(given(['port'], port));
  const host =
    given(['host'], hostname.replace(/^\[(.*)\]$/, '$1')) ??
    settings.get('hostaddr')?.value ??
    defaultHost(portNumber);
  if (host.includes(','))
    throw unusable('DATABASE_URL names several hosts; name the one that takes writes.');
  return {
    host,
    port: portNumber,
    user: given(['user', 'username'], colon < 0 ? login : login.slice(0, colon)) ?? defaultUser(),
    password: given(['password'], colon < 0 ? '' : login.slice(colon + 1)),
    database: given(['dbname', 'database'], path),
    settings,
  };
}

/**
 * The parameters of the URL, with libpq's variables behind those of TLS (PGSSLMODE, PGSSLROOTCERT, …), so that a
 * machine set up for verification stays so. Only what is asked for by name has an effect. Ignored on purpose:
 * `options`, because PgBouncer refuses it and it is the application's, not ours; `connect_timeout` and
 * `application_name`, because the pool has its own; and those of Rails alone (`pool`, `prepared_statements`, …).
 */
function readSettings(query: string): Settings {
  const settings = new Map<string, Setting>();
  for (const name of ['sslmode', 'sslrootcert', 'sslcert', 'sslkey', 'channel_binding']) {
    const variable = `PG${name.replace('_', '').toUpperCase()}`;
    const value = process.env[variable];
    if (value) settings.set(name, { value, label: variable });
  }
  // As JDBC has it; libpq reads it so as well.
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
    throw unusable(
      'DATABASE_URL holds a % that does not begin a percent-encoded UTF-8 character; write the % itself as %25.',
    );
  }
}

function readPort(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  if (text.includes(','))
    throw unusable('DATABASE_URL names several hosts; name the one that takes writes.');
  if (/^\d{1,5}$/.test(text) && Number(text) >= 1 && Number(text) <= 65535) return Number(text);
  throw unusable(
    'DATABASE_URL has a port that is not a number from 1 to 65535; if that is a part of the password, percent-encode its / as %2F.',
  );
}

function defaultHost(port: number | undefined): string {
  if (process.env.PGHOST) return process.env.PGHOST;
  const socket = `.s.PGSQL.${port ?? (process.env.PGPORT || 5432)}`;
  return SOCKET_FOLDERS.find((folder) => existsSync(`${folder}/${socket}`)) ?? 'localhost';
}

/** The account of this process, as in libpq: node-pg reads $USER, which services and containers often lack. */
function defaultUser(): string | undefined {
  if (process.env.PGUSER) return process.env.PGUSER;
  try {
    return userInfo().username;
  } catch {
    // A container may run under a number that has no name.
    return undefined;
  }
}

/** DATABASE_URL cannot be used at all. */
function unusable(sentence: string): ConsoleError {
  return new ConsoleError('database_down', { cause: new Error(sentence) });
}

function badTls(sentence: string): ConsoleError {
  return new ConsoleError('database_tls', { cause: new Error(sentence) });
}

function sslMode(settings: Settings, root: Setting | undefined): SslMode {
  // DATABASE_CA_FILE in place of the system's authorities must not make the check weaker.
  const system = root?.value === 'system' || settings.get('sslrootcert')?.value === 'system';
  const given = settings.get('sslmode');
  const mode = given
    ? SSL_MODES.find((known) => known === given.value)
    : system
      ? 'verify-full'
      : 'prefer';
  if (!mode)
    throw badTls(
      `${given?.label} is "${given?.value}"; it must be one of ${SSL_MODES.join(', ')}.`,
    );
  return mode;
}

async function tlsOptions(
  settings: Settings,
  mode: SslMode,
  root: Setting | undefined,
): Promise<tls.ConnectionOptions> {
  const label = settings.get('sslmode')?.label ?? 'sslmode';
  // Any site's certificate passes for one of the system's authorities, so the host name must be looked at; libpq refuses too.
  if (root?.value === 'system' && mode !== 'verify-full')
    throw badTls(
      `${root.label} is "system", which needs sslmode=verify-full; ${label} is "${mode}".`,
    );
  if (mode === 'verify-ca' && !root)
    throw badTls(
      `${label} is "verify-ca", which needs the authority's certificate: set DATABASE_CA_FILE, or sslrootcert in DATABASE_URL.`,
    );
  // verify-full without a file: the authorities that Node brings along (and NODE_EXTRA_CA_CERTS), where libpq would give up.
  const ca = root && root.value !== 'system' ? await readCertificates(root) : undefined;
  return {
    ...(await readClientCertificate(settings)),
    ...(ca !== undefined && { ca }),
    ...(mode !== 'verify-full' && { checkServerIdentity: () => undefined }),
    // Said even where it is the default, because NODE_TLS_REJECT_UNAUTHORIZED would turn it off.
    rejectUnauthorized: ca !== undefined || mode === 'verify-full',
  };
}

async function readSettingFile({ value, label }: Setting): Promise<string> {
  try {
    return await readFile(value, 'utf8');
  } catch (error) {
    throw badTls(
      `${label} names the file ${value}, which cannot be read (${codeOf(error) ?? 'unknown reason'}).`,
    );
  }
}

async function readCertificates(root: Setting): Promise<string> {
  const pem = await readSettingFile(root);
  try {
    // Node would pass over a file without certificates and then trust nobody.
    new X509Certificate(pem);
    return pem;
  } catch {
    throw badTls(`${root.label} names the file ${root.value}, which holds no PEM certificate.`);
  }
}

async function readClientCertificate(
  settings: Settings,
): Promise<Pick<tls.ConnectionOptions, 'cert' | 'key' | 'passphrase'>> {
  const certificate = settings.get('sslcert');
  const privateKey = settings.get('sslkey');
  if (!certificate && !privateKey) return {};
  if (!privateKey) throw badTls(`${certificate?.label} is set, so sslkey must be set too.`);
  if (!certificate) throw badTls(`${privateKey.label} is set, so sslcert must be set too.`);
  const pair = {
    cert: await readSettingFile(certificate),
    key: await readSettingFile(privateKey),
    passphrase: settings.get('sslpassword')?.value,
  };
  for (const [{ value, label }, options, problem] of [
    [certificate, { cert: pair.cert }, 'holds no PEM certificate'],
    [
      privateKey,
      { key: pair.key, passphrase: pair.passphrase },
      'holds no PEM private key that can be opened (an encrypted one needs the right sslpassword)',
    ],
    [privateKey, pair, 'holds a private key that is not the one of sslcert'],
  ] as const) {
    try {
      tls.createSecureContext(options);
    } catch {
      throw badTls(`${label} names the file ${value}, which ${problem}.`);
    }
  }
  return pair;
}
