import { z } from 'zod';
import {
  choice,
  decimal,
  EnvError,
  flag,
  GUESSABLE_PROBLEM,
  isGuessableSecret,
  isPlaceholder,
  list,
  optional,
} from './values';

/** Roles in ascending order of permissions. */
export const ROLES = ['viewer', 'operator', 'admin'] as const;

export type Role = (typeof ROLES)[number];

/** Assigns a role to viewers by group, e-mail address, domain or user id, or to every viewer. */
export type Rule =
  { kind: 'group' | 'email' | 'domain' | 'user'; value: string } | { kind: 'anyone' };

export type RoleRules = Record<Role, Rule[]>;

/**
 * Converts ASCII letters to lower case. Unicode case folding would equate different addresses: the
 * lower-case form of the Kelvin sign is k.
 */
export const lowerAscii = (text: string) =>
  text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());

const DOMAIN = /^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$/;

function readRule(name: string, text: string): Rule {
  if (text === '*') {
    if (name !== 'ROLE_VIEWERS')
      throw new EnvError(`${name} must name people or groups: * is for ROLE_VIEWERS alone.`);
    return { kind: 'anyone' };
  }
  if (text.startsWith('group:') && text.length > 6) return { kind: 'group', value: text.slice(6) };
  if (text.startsWith('user:') && text.length > 5) return { kind: 'user', value: text.slice(5) };
  const [local, domain, ...more] = text.split('@');
  if (domain !== undefined && DOMAIN.test(domain) && more.length === 0 && !/[\s*:]/.test(text))
    return local === ''
      ? { kind: 'domain', value: lowerAscii(domain) }
      : { kind: 'email', value: lowerAscii(text) };
  throw new EnvError(
    `${name} must be a comma list of group:NAME, user:ID, an e-mail address or @domain, and has "${text}".`,
  );
}

/** Parses the rules of the three roles; throws EnvError with one sentence for an invalid rule. */
export function readRoleRules(lists: Record<Role, string[]>): RoleRules {
  const rules = (role: Role) =>
    lists[role].map((text) => readRule(`ROLE_${role.toUpperCase()}S`, text));
  return { viewer: rules('viewer'), operator: rules('operator'), admin: rules('admin') };
}

/** How viewers are authenticated; each mode has its own settings. */
export type AuthConfig =
  /**
   * No sign-in. `isOpen`: AUTH_MODE=none and I_KNOW_THIS_IS_OPEN=1 serve other machines without any
   * check; otherwise a viewer on this machine needs the start token.
   */
  | ({ mode: 'none'; isOpen: boolean } & SessionLimits)
  | ({ mode: 'proxy-header'; roles: RoleRules } & ProxyHeaderConfig)
  | ({ mode: 'proxy-jwt'; roles: RoleRules } & ProxyJwtConfig)
  | ({ mode: 'oidc'; roles: RoleRules } & OidcConfig);

/** Header names are in lower case. */
export interface ProxyHeaderConfig {
  userHeader: string;
  emailHeader: string;
  groupsHeader: string;
  secretHeader: string;
  secret: string;
}

export interface ProxyJwtConfig {
  header: string;
  /** A JWKS URL, PEM text, a file with either, or the URL of a PEM with the placeholder `{kid}`. */
  keys: string;
  issuer: string | null;
  /** Null only in the ALB preset. */
  audience: string | null;
  algorithms: string[];
  userClaim: string;
  emailClaim: string;
  groupsClaim: string;
  /**
   * The ARN of the load balancer in the ALB preset, whose tokens use padded base64url and have the
   * expiry in their header; else null.
   */
  albSigner: string | null;
}

/** Upper limit of SESSION_MAX_HOURS. */
export const MAX_SESSION_HOURS = 720;

/** Lifetime of a session since its last request and since sign-in. */
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
  /** Accepts e-mail addresses without the claim `email_verified`. */
  trustEmail: boolean;
  /** The first secret encrypts; all of them decrypt, which allows rotation. */
  sessionSecrets: string[];
}

const MODES = ['none', 'proxy-header', 'proxy-jwt', 'oidc'] as const;
/** JWT algorithms that need no shared secret. */
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
/** Headers with another meaning in HTTP or in the console, which cannot carry an identity. */
const RESERVED_HEADERS = new RegExp(
  '^(host|cookie|connection|content-.*|transfer-encoding|origin|sec-.*|' +
    'x-gjc-.*|next-.*|rsc|accept.*|upgrade|forwarded)$',
);

const headerName = (fallback: string) =>
  z
    .string()
    .default('')
    .transform((value) => (value.trim() || fallback).toLowerCase())
    .pipe(
      z
        .string()
        .regex(/^[a-z0-9-]{0,64}$/, 'must be the name of a header')
        .refine((name) => !RESERVED_HEADERS.test(name), 'must be a header that nothing else uses'),
    );
const claim = (fallback: string) =>
  z
    .string()
    .default('')
    .transform((value) => value.trim() || fallback);
const preset = choice(['alb', 'iap', 'cloudflare'], null, 'must be alb, iap or cloudflare');

/** Schema of the environment variables for authentication. */
export const authSchema = z.object({
  AUTH_MODE: choice(MODES, null, 'must be proxy-header, proxy-jwt, oidc or none').describe(
    'who authenticates viewers: `proxy-header`, `proxy-jwt` or `oidc`. Unset or `none`: ' +
      'nobody; this machine only, with a link ([sso.md](sso.md#without-sign-in))',
  ),
  I_KNOW_THIS_IS_OPEN: flag.describe(
    '`1` with `AUTH_MODE=none`: serve everyone who can reach the server, as admin, under a ' +
      'red bar',
  ),
  ROLE_ADMINS: list.describe(
    'comma list of administrators: `group:NAME`, `user:ID`, `a@example.com`, `@example.com`',
  ),
  ROLE_OPERATORS: list.describe('comma list of operators, in the same form'),
  ROLE_VIEWERS: list.describe(
    'comma list of viewers, in the same form; `*` is everyone who is signed in',
  ),
  AUTH_USER_HEADER: headerName('x-forwarded-user').describe(
    '`proxy-header`: the header with the user',
  ),
  AUTH_EMAIL_HEADER: headerName('x-forwarded-email').describe(
    '`proxy-header`: the header with the e-mail address',
  ),
  AUTH_GROUPS_HEADER: headerName('x-forwarded-groups').describe(
    '`proxy-header`: the header with the groups',
  ),
  AUTH_SECRET_HEADER: headerName('x-auth-proxy-secret').describe(
    '`proxy-header`: the header with the secret',
  ),
  AUTH_PROXY_SECRET: optional.describe(
    '`proxy-header`: the secret that the proxy sends, 32 characters or more',
  ),
  JWT_PRESET: preset.describe(
    '`proxy-jwt`: `alb`, `iap` or `cloudflare` sets what it can of the next rows',
  ),
  JWT_HEADER: headerName('').describe('the header with the token'),
  JWT_KEYS: optional.describe(
    'a JWKS URL, a PEM, a file with either, or the URL of a PEM with `{kid}` in it',
  ),
  JWT_ISSUER: optional.describe('the issuer that a token must name'),
  JWT_AUDIENCE: optional.describe('the audience that a token must contain'),
  JWT_ALB_SIGNER: optional.describe("`alb`: the load balancer's ARN"),
  JWT_ALGORITHMS: list.describe(
    'comma list of the algorithms that a token may use; asymmetric algorithms only',
  ),
  JWT_USER_CLAIM: claim('sub').describe(
    'claim with the user: a name, or a path of names with dots',
  ),
  JWT_EMAIL_CLAIM: claim('email').describe('claim with the e-mail address'),
  JWT_GROUPS_CLAIM: claim('groups').describe('claim with the groups'),
  OIDC_ISSUER: optional.describe('`oidc`: the provider'),
  OIDC_CLIENT_ID: optional.describe(
    'the client that is registered there with the redirect URI `PUBLIC_URL` + ' +
      '`/auth/callback` and, for back-channel logout, `/auth/backchannel-logout`',
  ),
  OIDC_CLIENT_SECRET: optional.describe('the secret of that client'),
  OIDC_SCOPES: claim('openid email profile').describe('scopes to request'),
  OIDC_USER_CLAIM: claim('sub').describe('claim with the user'),
  OIDC_GROUPS_CLAIM: claim('groups').describe('claim with the groups'),
  OIDC_TRUST_EMAIL: flag.describe(
    '`1`: addresses count although the provider does not send `email_verified`',
  ),
  SESSION_SECRET: list.describe(
    '`oidc`: 32 bytes or more; several, separated by commas, the newest first',
  ),
  SESSION_IDLE_MINUTES: decimal(60, 0.05, 10_080).describe(
    'without sign-in and with `oidc`: how long a session lasts without activity',
  ),
  SESSION_MAX_HOURS: decimal(12, 0.001, MAX_SESSION_HOURS).describe(
    'how long a session lasts at most',
  ),
});
type AuthSource = z.output<typeof authSchema>;

function requireVariable(source: AuthSource, name: keyof AuthSource & string): string {
  const value = source[name];
  if (typeof value === 'string' && value !== '') return value;
  throw new EnvError(`${name} must be set while AUTH_MODE is ${source.AUTH_MODE}.`);
}

function readProxyHeader(vars: AuthSource): ProxyHeaderConfig {
  const secret = requireVariable(vars, 'AUTH_PROXY_SECRET');
  if (isPlaceholder(secret)) throw new EnvError(`AUTH_PROXY_SECRET ${GUESSABLE_PROBLEM}.`);
  if (!/^[\x21-\x2b\x2d-\x7e]{32,256}$/.test(secret))
    throw new EnvError(
      'AUTH_PROXY_SECRET must be 32 to 256 printable characters without spaces and commas.',
    );
  if (isGuessableSecret(secret)) throw new EnvError(`AUTH_PROXY_SECRET ${GUESSABLE_PROBLEM}.`);
  const headers = {
    userHeader: vars.AUTH_USER_HEADER,
    emailHeader: vars.AUTH_EMAIL_HEADER,
    groupsHeader: vars.AUTH_GROUPS_HEADER,
    secretHeader: vars.AUTH_SECRET_HEADER,
  };
  if (
    vars.AUTH_SECRET_HEADER === vars.AUTH_USER_HEADER ||
    vars.AUTH_SECRET_HEADER === vars.AUTH_EMAIL_HEADER ||
    vars.AUTH_SECRET_HEADER === vars.AUTH_GROUPS_HEADER
  )
    throw new EnvError('AUTH_SECRET_HEADER must be a header of its own.');
  return { ...headers, secret };
}

/** Defaults from the documentation of each proxy; environment variables override them. */
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

function readProxyJwt(vars: AuthSource): ProxyJwtConfig {
  const defaults = vars.JWT_PRESET ? PRESETS[vars.JWT_PRESET] : NO_PRESET;
  const albSigner = vars.JWT_PRESET === 'alb' ? requireVariable(vars, 'JWT_ALB_SIGNER') : null;
  const albRegion =
    albSigner && /^arn:aws[a-z-]*:elasticloadbalancing:([a-z0-9-]{1,32}):/.exec(albSigner)?.[1];
  if (albSigner && !albRegion)
    throw new EnvError('JWT_ALB_SIGNER must be the ARN of the load balancer.');
  const needsIssuer = vars.JWT_PRESET === 'cloudflare' || !vars.JWT_PRESET;
  const issuer =
    vars.JWT_ISSUER ?? (needsIssuer ? requireVariable(vars, 'JWT_ISSUER') : defaults.issuer);
  const keys = vars.JWT_KEYS ?? defaults.keys ?? derivedKeys(vars, albRegion, issuer);
  const algorithms =
    vars.JWT_ALGORITHMS.length > 0 ? vars.JWT_ALGORITHMS : [...defaults.algorithms];
  const unsupported = algorithms.find((name) => !ASYMMETRIC_ALGORITHMS.includes(name));
  if (unsupported !== undefined)
    throw new EnvError(
      `JWT_ALGORITHMS must hold asymmetric algorithms such as RS256 or ES256, and has "${unsupported}".`,
    );
  return {
    header: vars.JWT_HEADER || (defaults.header ?? requireVariable(vars, 'JWT_HEADER')),
    keys,
    issuer,
    audience: albSigner ? vars.JWT_AUDIENCE : requireVariable(vars, 'JWT_AUDIENCE'),
    algorithms,
    userClaim: vars.JWT_USER_CLAIM,
    emailClaim: vars.JWT_EMAIL_CLAIM,
    groupsClaim: vars.JWT_GROUPS_CLAIM,
    albSigner,
  };
}

/**
 * The key URL that follows from the ALB region or the Cloudflare issuer; else JWT_KEYS must be set.
 */
function derivedKeys(
  vars: AuthSource,
  albRegion: string | null | undefined,
  issuer: string | null,
): string {
  if (albRegion) return `https://public-keys.auth.elb.${albRegion}.amazonaws.com/{kid}`;
  if (vars.JWT_PRESET === 'cloudflare') return `${issuer}/cdn-cgi/access/certs`;
  return requireVariable(vars, 'JWT_KEYS');
}

/** Whether a URL has no credentials and uses TLS; plain HTTP is allowed only on this machine. */
export function isSafeUrl(url: URL): boolean {
  return (
    !url.username &&
    (url.protocol === 'https:' ||
      (url.protocol === 'http:' && /^(localhost|127\.0\.0\.1|\[::1\])$/.test(url.hostname)))
  );
}

function readOidc(vars: AuthSource, publicUrl: URL | null): OidcConfig {
  const text = requireVariable(vars, 'OIDC_ISSUER');
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
  if (vars.SESSION_SECRET.some(isPlaceholder))
    throw new EnvError(`SESSION_SECRET ${GUESSABLE_PROBLEM}.`);
  if (
    vars.SESSION_SECRET.length === 0 ||
    vars.SESSION_SECRET.some((secret) => Buffer.byteLength(secret) < 32)
  )
    throw new EnvError(
      'SESSION_SECRET must be at least 32 bytes, or several such between commas, the newest first.',
    );
  if (vars.SESSION_SECRET.some(isGuessableSecret))
    throw new EnvError(`SESSION_SECRET ${GUESSABLE_PROBLEM}.`);
  const clientId = requireVariable(vars, 'OIDC_CLIENT_ID');
  const clientSecret = requireVariable(vars, 'OIDC_CLIENT_SECRET');
  // The provider chooses its length and alphabet, so only placeholders are rejected.
  if (isPlaceholder(clientSecret))
    throw new EnvError(
      'OIDC_CLIENT_SECRET is a placeholder; set it to the client secret that the provider issued.',
    );
  if (!vars.OIDC_SCOPES.split(/\s+/).includes('openid'))
    throw new EnvError('OIDC_SCOPES must hold openid.');
  return {
    issuer,
    clientId,
    clientSecret,
    scopes: vars.OIDC_SCOPES,
    userClaim: vars.OIDC_USER_CLAIM,
    groupsClaim: vars.OIDC_GROUPS_CLAIM,
    trustEmail: vars.OIDC_TRUST_EMAIL,
    sessionSecrets: vars.SESSION_SECRET,
    ...sessionLimits(vars),
  };
}

function sessionLimits(vars: AuthSource): SessionLimits {
  return { idleMs: vars.SESSION_IDLE_MINUTES * 60_000, maxMs: vars.SESSION_MAX_HOURS * 3_600_000 };
}

/** Returns the settings of the selected mode; throws EnvError if a required variable is missing. */
export function readAuthConfig(vars: AuthSource, publicUrl: URL | null): AuthConfig {
  const mode = vars.AUTH_MODE ?? 'none';
  if (mode === 'none')
    return {
      mode,
      isOpen: vars.AUTH_MODE === 'none' && vars.I_KNOW_THIS_IS_OPEN,
      ...sessionLimits(vars),
    };
  const roles = readRoleRules({
    admin: vars.ROLE_ADMINS,
    operator: vars.ROLE_OPERATORS,
    viewer: vars.ROLE_VIEWERS,
  });
  if (Object.values(roles).every((rules) => rules.length === 0))
    throw new EnvError(
      'ROLE_ADMINS must be set, or ROLE_OPERATORS or ROLE_VIEWERS: without a rule no user has access.',
    );
  if (mode === 'proxy-header') return { mode, roles, ...readProxyHeader(vars) };
  if (mode === 'proxy-jwt') return { mode, roles, ...readProxyJwt(vars) };
  return { mode, roles, ...readOidc(vars, publicUrl) };
}
