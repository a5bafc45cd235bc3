import type { IncomingMessage } from 'node:http';
import * as client from 'openid-client';
import type { OidcConfig } from '../../lib/config/authentication';
import type { Env } from '../../lib/config/environment';
import type { RoleRules } from '../../lib/config/roles';
import type { RevocationStore } from '../../lib/sessions/revocation';
import type { SignInLimit } from '../rate-limits';
import { isActivity } from './activity';
import { BACKCHANNEL_LOGOUT_PATH, createBackchannelLogout } from './backchannel-logout';
import { identityOf, leftGroupsOut } from './claims';
import { authCookieValues, authCookies, cookieJar } from './cookies';
import { ExpiringSet } from './expiring-set';
import { ProviderUnreachable, createProvider } from './provider';
import { safeReturnPath, withReturnPath } from './return-path';
import { Revocations, createKeyDigest } from './revocations';
import { createSealer } from './sealed-cookie';
import { type SessionOrigin, createSessions } from './session';
import type { AuthRefused, Authenticator, AuthResponse } from './types';

/** From the way to the provider to the way back. */
const SIGN_IN_MS = 600_000;
const MAX_USED = 20_000;
/** Tabs that may be on their way at once; their cookies are sent with each request. */
const MAX_PENDING = 4;

interface Pending {
  state: string;
  nonce: string;
  verifier: string;
  returnTo: string;
}

const UNREACHABLE: AuthRefused = { code: 'provider_unreachable', status: 503 };
const REFUSED: AuthRefused = { code: 'sign_in_refused', status: 403 };

export interface OidcParts {
  signInLimit: SignInLimit;
  /** Where servers share which sessions are over; null: this one has no others. */
  revocationStore: RevocationStore | null;
}

/** The console signs people in itself: OpenID Connect, authorization code with PKCE. */
export function createOidc(
  env: Env,
  config: OidcConfig & { roles: RoleRules },
  { signInLimit, revocationStore }: OidcParts,
): Authenticator {
  const { basePath, publicUrl } = env;
  if (!publicUrl) throw new Error('PUBLIC_URL is needed.');
  const here = publicUrl.href.replace(/\/$/, '');
  const audience = JSON.stringify([here, config.issuer.href, config.clientId]);
  const jar = cookieJar(env);
  const provider = createProvider(config);
  const digest = createKeyDigest(config.issuer.href, config.clientId);
  const revocations = new Revocations(revocationStore);
  const sessions = createSessions(config, { jar, audience, revocations, digest });
  const backchannelLogout = createBackchannelLogout(config, { provider, revocations, digest });
  const sealer = createSealer(config.sessionSecrets, `sign-in ${audience}`);
  const used = new ExpiringSet(MAX_USED);
  const names = {
    user: config.userClaim,
    email: 'email',
    groups: config.groupsClaim,
    trustEmail: config.trustEmail,
  };

  async function signIn(request: IncomingMessage): Promise<AuthResponse> {
    const seconds = signInLimit(request);
    if (seconds > 0) return { kind: 'wait', seconds, cookies: [] };
    const configuration = await provider.discover();
    const pending: Pending = {
      state: client.randomState(),
      nonce: client.randomNonce(),
      verifier: client.randomPKCECodeVerifier(),
      returnTo: safeReturnPath(queryOf(request).get('return_to'), basePath),
    };
    const location = client.buildAuthorizationUrl(configuration, {
      redirect_uri: `${here}/auth/callback`,
      scope: config.scopes,
      state: pending.state,
      nonce: pending.nonce,
      code_challenge: await client.calculatePKCECodeChallenge(pending.verifier),
      code_challenge_method: 'S256',
    });
    const sealed = await sealer.seal({ pending }, Date.now() + SIGN_IN_MS);
    const cookie = jar.set(jar.signIn(pending.state), sealed, SIGN_IN_MS / 1000);
    const abandoned = [...authCookies(request).keys()]
      .filter(jar.isSignIn)
      .slice(0, -MAX_PENDING + 1);
    return {
      kind: 'redirect',
      location: location.href,
      cookies: [...(cookie ? [cookie] : []), ...abandoned.map(jar.clear)],
    };
  }

  /**
   * The sign-in that this browser began and this answer belongs to; each counts once. Else why not: `lost` when the
   * browser began none that could still be meant, which happens to anybody; the others are somebody's doing, perhaps.
   * A number: the seconds to wait, since from here on it costs the provider a request.
   */
  async function pendingOf(
    request: IncomingMessage,
  ): Promise<Pending | 'sign_in_lost' | 'sign_in_used' | 'sign_in_foreign' | number> {
    const [state = '', ...more] = queryOf(request).getAll('state');
    if (used.has(state)) return 'sign_in_used';
    const cookies = authCookies(request);
    if (![...cookies.keys()].some(jar.isSignIn)) return 'sign_in_lost';
    const opened = more.length > 0 ? null : await sealer.open(cookies.get(jar.signIn(state)) ?? '');
    const pending = opened?.pending as Pending | undefined;
    if (!pending || pending.state !== state) return 'sign_in_foreign';
    const seconds = signInLimit(request);
    if (seconds > 0) return seconds;
    return used.add(state, Date.now() + SIGN_IN_MS) ? pending : 'sign_in_used';
  }

  async function callback(request: IncomingMessage): Promise<AuthResponse> {
    const pending = await pendingOf(request);
    if (typeof pending === 'number') return { kind: 'wait', seconds: pending, cookies: [] };
    if (typeof pending === 'string')
      return { kind: 'refused', refused: { code: pending, status: 400 }, cookies: [] };
    const cookies = [jar.clear(jar.signIn(pending.state))];
    try {
      const tokens = await provider.grant(new URL(`${here}/auth/callback?${queryOf(request)}`), {
        pkceCodeVerifier: pending.verifier,
        expectedState: pending.state,
        expectedNonce: pending.nonce,
        idTokenExpected: true,
      });
      const claims = await claimsOf(tokens);
      const identity = identityOf(claims, names);
      if (!identity)
        return { kind: 'refused', refused: { code: 'bad_identity', status: 401 }, cookies };
      const before = await sessions.open(request);
      if (before) await sessions.revoke(before);
      const session = await sessions.start(identity, {
        ...originOf(tokens),
        groupsOverage: leftGroupsOut(claims, config.groupsClaim),
        idToken: tokens.id_token,
      });
      if (!session)
        return { kind: 'refused', refused: { code: 'session_too_large', status: 431 }, cookies };
      return { kind: 'redirect', location: pending.returnTo, cookies: [...cookies, session] };
    } catch (error) {
      return { kind: 'refused', refused: reasonOf(error), cookies };
    }
  }

  function originOf(tokens: Awaited<ReturnType<typeof provider.grant>>): SessionOrigin {
    const claims = tokens.claims();
    if (!claims) throw new Error('There is no ID token.');
    const { sub, sid, iat } = claims;
    const providerSession = typeof sid === 'string' && sid !== '' ? sid : null;
    return {
      subjectKey: digest(sub),
      ...(providerSession === null ? {} : { providerSessionKey: digest(providerSession) }),
      issuedAtS: iat,
    };
  }

  /** The token's claims before those of the provider's userinfo: many put e-mail and groups there alone. */
  async function claimsOf(tokens: Awaited<ReturnType<typeof provider.grant>>): Promise<object> {
    const claims = tokens.claims();
    if (!claims) throw new Error('There is no ID token.');
    const configuration = await provider.discover();
    const complete =
      claims.email !== undefined &&
      claims.email_verified !== undefined &&
      identityOf(claims, names)?.groups.length;
    if (complete || !configuration.serverMetadata().userinfo_endpoint) return claims;
    return {
      ...(await client.fetchUserInfo(configuration, tokens.access_token, claims.sub)),
      ...claims,
    };
  }

  async function signOut(request: IncomingMessage): Promise<AuthResponse> {
    const open = await sessions.openAll(request);
    await Promise.all(open.map((one) => sessions.revoke(one)));
    const session = open.find(({ idToken }) => idToken !== undefined) ?? open[0];
    const pending = [...authCookieValues(request).keys()].filter(jar.isSignIn);
    const cookies = [jar.session, ...pending].map(jar.clear);
    const after = `${here}/auth/signed-out`;
    const configuration = await provider.discover().catch(() => null);
    if (!session || !configuration?.serverMetadata().end_session_endpoint)
      return { kind: 'redirect', location: `${basePath}/auth/signed-out`, cookies };
    const href = client.buildEndSessionUrl(configuration, {
      post_logout_redirect_uri: after,
      ...(session.idToken ? { id_token_hint: session.idToken } : {}),
    }).href;
    // A page in between: form-action would hold for every further address that the provider leads to.
    return { kind: 'page', page: 'signing_out', href, goesOn: true, cookies };
  }

  return {
    isProviderRequest: (method, path) => method === 'POST' && path === BACKCHANNEL_LOGOUT_PATH,

    async authenticate(request) {
      const session = await sessions.read(request);
      jar.hide(request);
      if (session === 'unavailable')
        return { kind: 'refused', refused: { code: 'database_down', status: 503 } };
      if (!session)
        return {
          kind: 'sign_in',
          location: withReturnPath(`${basePath}/auth/sign-in`, request.url ?? ''),
        };
      const setCookie = isActivity(request, basePath) ? await sessions.touch(session) : null;
      return {
        kind: 'identity',
        identity: session.identity,
        groupsOverage: session.groupsOverage,
        setCookie: setCookie ?? undefined,
      };
    },

    async door(request, path) {
      try {
        if (path === BACKCHANNEL_LOGOUT_PATH) {
          if (request.method !== 'POST') return { kind: 'provider', status: 405, cookies: [] };
          return { kind: 'provider', ...(await backchannelLogout(request)), cookies: [] };
        }
        if (request.method === 'POST')
          return path === '/auth/sign-out' ? await signOut(request) : null;
        if (path === '/auth/sign-in') return await signIn(request);
        if (path === '/auth/callback') return await callback(request);
        if (path === '/auth/signed-out')
          return {
            kind: 'page',
            page: 'good_bye',
            href: `${basePath}/auth/sign-in`,
            goesOn: false,
            cookies: [],
          };
        return null;
      } catch (error) {
        return { kind: 'refused', refused: reasonOf(error), cookies: [] };
      }
    },
  };
}

function queryOf(request: IncomingMessage): URLSearchParams {
  const url = request.url ?? '';
  return new URLSearchParams(url.includes('?') ? url.slice(url.indexOf('?') + 1) : '');
}

/** What the viewer is told; the log has the code of it, never the provider's text, which the address may hold. */
function reasonOf(error: unknown): AuthRefused {
  const code =
    error instanceof Error && 'code' in error
      ? String(error.code)
      : error instanceof Error
        ? error.name
        : 'unknown';
  console.error(
    `Sign-in failed: ${code}${error instanceof client.ResponseBodyError ? ` (${error.error.slice(0, 60)})` : ''}`,
  );
  const networkFailed =
    error instanceof TypeError ||
    (error instanceof Error && (error.name === 'TimeoutError' || code === 'OAUTH_TIMEOUT'));
  return error instanceof ProviderUnreachable || networkFailed ? UNREACHABLE : REFUSED;
}
