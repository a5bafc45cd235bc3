import { z } from 'zod';
import { type RoleRules, readRoleRules } from './roles';
import { GUESSABLE, isGuessableSecret, isPlaceholder } from './secret-strength';
import { EnvError, choice, decimal, flag, list, optional } from './values';

/** How viewers are known, read from the environment; each mode's own settings are there in that mode alone. */
export type AuthConfig =
  /** Nobody signs in. `open`: served beyond this machine all the same, by AUTH_MODE=none and I_KNOW_THIS_IS_OPEN=1; else to who has a start token. */
  | ({ mode: 'none'; open: boolean } & SessionLimits)
  | ({ mode: 'proxy-header'; roles: RoleRules } & ProxyHeaderConfig)
  | ({ mode: 'proxy-jwt'; roles: RoleRules } & ProxyJwtConfig)
  | ({ mode: 'oidc'; roles: RoleRules } & OidcConfig);

/** Header names are in small letters. */
export interface ProxyHeaderConfig {
  userHeader: string;
  emailHeader: string;
  groupsHeader: string;
  secretHeader: string;
  secret: string;
}

export interface ProxyJwtConfig {
  header: string;
  /** A JWKS URL, a PEM text, a file of either, or the URL of a PEM with `{kid}` in it. */
  keys: string;
  issuer: string | null;
  /** null in the ALB preset alone. */
  audience: string | null;
  algorithms: string[];
  userClaim: string;
  emailClaim: string;
  groupsClaim: string;
  /** The load balancer's ARN: the ALB preset, with its padded base64url and its expiry in the header. */
  albSigner: string | null;
}

/** The largest SESSION_MAX_HOURS. */
export const MAX_SESSION_HOURS = 720;

export interface SessionLimits {
  idleMs: number;
  maxMs: number;
}

export interface OidcConfig extends SessionLimits {
  issuer: URL;
  clientId: string;
  clientSecret: string;
  scopes: string;
  userClaim: string;
  groupsClaim: string;
  /** The provider verifies addresses without saying so in `email_verified`. */
  trustEmail: boolean;
  /** The first encrypts, all decrypt. */
  sessionSecrets: string[];
}

const MODES = ['none', 'proxy-header', 'proxy-jwt', 'oidc'] as const;
export const ASYMMETRIC_ALGORITHMS = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
];
/** Names that mean something else to HTTP or to the console. */
const RESERVED =
  /^(host|cookie|connection|content-.*|transfer-encoding|origin|sec-.*|x-gjc-.*|next-.*|rsc|accept.*|upgrade|forwarded)$/;

const headerName = (fallback: string) =>
  z
    .string()
    .default('')
    .transform((value) => (value.trim() || fallback).toLowerCase())
    .pipe(
      z
        .string()
        .regex(/^[a-z0-9-]{0,64}$/, 'must be the name of a header')
        .refine((name) => !RESERVED.test(name), 'must be a header that nothing else uses'),
    );
const claim = (fallback: string) =>
  z
    .string()
    .default('')
    .transform((value) => value.trim() || fallback);
const preset = choice(['alb', 'iap', 'cloudflare'], null, 'must be alb, iap or cloudflare');

export const authSchema = z.object({
  AUTH_MODE: choice(MODES, null, 'must be proxy-header, proxy-jwt, oidc or none'),
  I_KNOW_THIS_IS_OPEN: flag,
  ROLE_ADMINS: list,
  ROLE_OPERATORS: list,
  ROLE_VIEWERS: list,
  AUTH_USER_HEADER: headerName('x-forwarded-user'),
  AUTH_EMAIL_HEADER: headerName('x-forwarded-email'),
  AUTH_GROUPS_HEADER: headerName('x-forwarded-groups'),
  AUTH_SECRET_HEADER: headerName('x-auth-proxy-secret'),
  AUTH_PROXY_SECRET: optional,
  JWT_PRESET: preset,
  JWT_HEADER: headerName(''),
  JWT_KEYS: optional,
  JWT_ISSUER: optional,
  JWT_AUDIENCE: optional,
  JWT_ALB_SIGNER: optional,
  JWT_ALGORITHMS: list,
  JWT_USER_CLAIM: claim('sub'),
  JWT_EMAIL_CLAIM: claim('email'),
  JWT_GROUPS_CLAIM: claim('groups'),
  OIDC_ISSUER: optional,
  OIDC_CLIENT_ID: optional,
  OIDC_CLIENT_SECRET: optional,
  OIDC_SCOPES: claim('openid email profile'),
  OIDC_USER_CLAIM: claim('sub'),
  OIDC_GROUPS_CLAIM: claim('groups'),
  OIDC_TRUST_EMAIL: flag,
  SESSION_SECRET: list,
  SESSION_IDLE_MINUTES: decimal(60, 0.05, 10_080),
  SESSION_MAX_HOURS: decimal(12, 0.001, MAX_SESSION_HOURS),
});
type AuthSource = z.output<typeof authSchema>;

function needed(source: AuthSource, name: keyof AuthSource & string): string {
  const value = source[name];
  if (typeof value === 'string' && value !== '') return value;
  throw new EnvError(`${name} must be set while AUTH_MODE is ${source.AUTH_MODE}.`);
}

function proxyHeader(e: AuthSource): ProxyHeaderConfig {
  const secret = needed(e, 'AUTH_PROXY_SECRET');
  if (isPlaceholder(secret)) throw new EnvError(`AUTH_PROXY_SECRET ${GUESSABLE}.`);
  if (!/^[\x21-\x2b\x2d-\x7e]{32,256}$/.test(secret))
    throw new EnvError(
      'AUTH_PROXY_SECRET must be 32 to 256 printable characters without spaces and commas.',
    );
  if (isGuessableSecret(secret)) throw new EnvError(`AUTH_PROXY_SECRET ${GUESSABLE}.`);
  const headers = {
    userHeader: e.AUTH_USER_HEADER,
    emailHeader: e.AUTH_EMAIL_HEADER,
    groupsHeader: e.AUTH_GROUPS_HEADER,
    secretHeader: e.AUTH_SECRET_HEADER,
  };
  if (
    e.AUTH_SECRET_HEADER === e.AUTH_USER_HEADER ||
    e.AUTH_SECRET_HEADER === e.AUTH_EMAIL_HEADER ||
    e.AUTH_SECRET_HEADER === e.AUTH_GROUPS_HEADER
  )
    throw new EnvError('AUTH_SECRET_HEADER must be a header of its own.');
  return { ...headers, secret };
}

/** What the documentation of each proxy says; a variable that is set goes before it. */
const PRESETS = {
  alb: { header: 'x-amzn-oidc-data', keys: null, issuer: null, algorithms: ['ES256'] },
  iap: {
    header: 'x-goog-iap-jwt-assertion',
    keys: 'https://www.gstatic.com/iap/verify/public_key-jwk',
    issuer: 'https://cloud.google.com/iap',
    algorithms: ['ES256'],
  },
  cloudflare: {
    header: 'cf-access-jwt-assertion',
    keys: null,
    issuer: null,
    algorithms: ['RS256'],
  },
} as const;
const NO_PRESET = { header: null, keys: null, issuer: null, algorithms: ASYMMETRIC_ALGORITHMS };

function proxyJwt(e: AuthSource): ProxyJwtConfig {
  const known = e.JWT_PRESET ? PRESETS[e.JWT_PRESET] : NO_PRESET;
  const alb = e.JWT_PRESET === 'alb' ? needed(e, 'JWT_ALB_SIGNER') : null;
  const region = alb && /^arn:aws[a-z-]*:elasticloadbalancing:([a-z0-9-]{1,32}):/.exec(alb)?.[1];
  if (alb && !region) throw new EnvError('JWT_ALB_SIGNER must be the ARN of the load balancer.');
  const issuer =
    e.JWT_ISSUER ??
    (e.JWT_PRESET === 'cloudflare' || !e.JWT_PRESET ? needed(e, 'JWT_ISSUER') : known.issuer);
  const keys =
    e.JWT_KEYS ??
    known.keys ??
    (region
      ? `https://public-keys.auth.elb.${region}.amazonaws.com/{kid}`
      : e.JWT_PRESET === 'cloudflare'
        ? `${issuer}/cdn-cgi/access/certs`
        : needed(e, 'JWT_KEYS'));
  const algorithms = e.JWT_ALGORITHMS.length > 0 ? e.JWT_ALGORITHMS : [...known.algorithms];
  const odd = algorithms.find((name) => !ASYMMETRIC_ALGORITHMS.includes(name));
  if (odd !== undefined)
    throw new EnvError(
      `JWT_ALGORITHMS must hold asymmetric algorithms such as RS256 or ES256, and has "${odd}".`,
    );
  return {
    header: e.JWT_HEADER || (known.header ?? needed(e, 'JWT_HEADER')),
    keys,
    issuer,
    audience: alb ? e.JWT_AUDIENCE : needed(e, 'JWT_AUDIENCE'),
    algorithms,
    userClaim: e.JWT_USER_CLAIM,
    emailClaim: e.JWT_EMAIL_CLAIM,
    groupsClaim: e.JWT_GROUPS_CLAIM,
    albSigner: alb,
  };
}

/** A plain-text address is taken from this machine alone. */
export function isSafeUrl(url: URL): boolean {
  return (
    !url.username &&
    (url.protocol === 'https:' ||
      (url.protocol === 'http:' && /^(localhost|127\.0\.0\.1|\[::1\])$/.test(url.hostname)))
  );
}

function oidc(e: AuthSource, publicUrl: URL | null): OidcConfig {
  const text = needed(e, 'OIDC_ISSUER');
  const issuer = URL.canParse(text) ? new URL(text) : null;
  if (!issuer || !isSafeUrl(issuer) || issuer.search || issuer.hash)
    throw new EnvError(
      'OIDC_ISSUER must be the https:// URL of the provider, as its discovery document says it.',
    );
  if (/^\/(common|organizations|consumers)\//.test(issuer.pathname))
    throw new EnvError('OIDC_ISSUER must name one tenant: anybody could sign in at this one.');
  if (!publicUrl)
    throw new EnvError(
      'PUBLIC_URL must be set while AUTH_MODE is oidc: the provider sends people back to it.',
    );
  if (e.SESSION_SECRET.some(isPlaceholder)) throw new EnvError(`SESSION_SECRET ${GUESSABLE}.`);
  if (
    e.SESSION_SECRET.length === 0 ||
    e.SESSION_SECRET.some((secret) => Buffer.byteLength(secret) < 32)
  )
    throw new EnvError(
      'SESSION_SECRET must be at least 32 bytes, or several such between commas, the newest first.',
    );
  if (e.SESSION_SECRET.some(isGuessableSecret)) throw new EnvError(`SESSION_SECRET ${GUESSABLE}.`);
  const clientId = needed(e, 'OIDC_CLIENT_ID');
  const clientSecret = needed(e, 'OIDC_CLIENT_SECRET');
  // Made by the provider: its length and alphabet are not ours to judge.
  if (isPlaceholder(clientSecret))
    throw new EnvError(
      'OIDC_CLIENT_SECRET is a placeholder; set it to the client secret that the provider issued.',
    );
  if (!e.OIDC_SCOPES.split(/\s+/).includes('openid'))
    throw new EnvError('OIDC_SCOPES must hold openid.');
  return {
    issuer,
    clientId,
    clientSecret,
    scopes: e.OIDC_SCOPES,
    userClaim: e.OIDC_USER_CLAIM,
    groupsClaim: e.OIDC_GROUPS_CLAIM,
    trustEmail: e.OIDC_TRUST_EMAIL,
    sessionSecrets: e.SESSION_SECRET,
    ...sessionLimits(e),
  };
}

function sessionLimits(e: AuthSource): SessionLimits {
  return { idleMs: e.SESSION_IDLE_MINUTES * 60_000, maxMs: e.SESSION_MAX_HOURS * 3_600_000 };
}

/** Puts the variables of one mode together; throws EnvError for what that mode cannot do without. */
export function readAuthConfig(e: AuthSource, publicUrl: URL | null): AuthConfig {
  const mode = e.AUTH_MODE ?? 'none';
  if (mode === 'none')
    return { mode, open: e.AUTH_MODE === 'none' && e.I_KNOW_THIS_IS_OPEN, ...sessionLimits(e) };
  const roles = readRoleRules({
    admin: e.ROLE_ADMINS,
    operator: e.ROLE_OPERATORS,
    viewer: e.ROLE_VIEWERS,
  });
  if (Object.values(roles).every((rules) => rules.length === 0))
    throw new EnvError(
      'ROLE_ADMINS must be set, or ROLE_OPERATORS or ROLE_VIEWERS: as it is nobody may come in.',
    );
  if (mode === 'proxy-header') return { mode, roles, ...proxyHeader(e) };
  if (mode === 'proxy-jwt') return { mode, roles, ...proxyJwt(e) };
  return { mode, roles, ...oidc(e, publicUrl) };
}
