import type { IncomingMessage } from 'node:http';
import * as client from 'openid-client';
import type { OidcConfig, RoleRules } from '../../lib/config/authentication';
import type { Env } from '../../lib/config/environment';
import type { RevocationStore } from '../../lib/sessions/revocation';
import type { SignInLimit } from '../rate-limits';
import { isActivity } from './activity';
import { BACKCHANNEL_LOGOUT_PATH, BackchannelLogout } from './backchannel-logout';
import { type ClaimNames, hasGroupsOverage, identityOf } from './claims';
import { type CookieJar, authCookieValues, authCookies, createCookieJar } from './cookies';
import { ExpiringSet } from './expiring-set';
import { ProviderUnreachableError, createProvider } from './provider';
import { safeReturnPath, withReturnPath } from './return-path';
import { Revocations, createKeyDigest } from './revocations';
import { type Sealer, createSealer } from './sealed-cookie';
import { type SessionOrigin, Sessions } from './session';
import type { AuthRefusal, AuthResponse, Authentication, Authenticator } from './types';

/** Maximum duration of a sign-in at the provider. */
const SIGN_IN_MS = 600_000;
const MAX_USED_STATES = 20_000;
/** Concurrent sign-ins per browser. Limited, because every request carries their cookies. */
const MAX_PENDING = 4;

interface PendingSignIn {
  state: string;
  nonce: string;
  verifier: string;
  returnTo: string;
}

const PROVIDER_UNREACHABLE: AuthRefusal = { code: 'provider_unreachable', status: 503 };
const SIGN_IN_REFUSED: AuthRefusal = { code: 'sign_in_refused', status: 403 };

export interface OidcParts {
  signInLimit: SignInLimit;
  /** Shares revoked sessions between servers; null for a single server. */
  revocationStore: RevocationStore | null;
}

type Tokens = Awaited<ReturnType<ReturnType<typeof createProvider>['grant']>>;

/** AUTH_MODE=oidc: signs users in with the OpenID Connect authorization code flow and PKCE. */
export class OidcAuthenticator implements Authenticator {
  private readonly basePath: string;
  private readonly consoleUrl: string;
  private readonly jar: CookieJar;
  private readonly provider: ReturnType<typeof createProvider>;
  private readonly digest: (value: string) => string;
  private readonly sessions: Sessions;
  private readonly backchannelLogout: BackchannelLogout;
  private readonly sealer: Sealer;
  private readonly signInLimit: SignInLimit;
  private readonly usedStates = new ExpiringSet(MAX_USED_STATES);
  private readonly claimNames: ClaimNames;

  constructor(
    env: Env,
    private readonly config: OidcConfig & { roles: RoleRules },
    { signInLimit, revocationStore }: OidcParts,
  ) {
    if (!env.publicUrl) throw new Error('PUBLIC_URL is required.');
    this.basePath = env.basePath;
    this.consoleUrl = env.publicUrl.href.replace(/\/$/, '');
    const audience = JSON.stringify([this.consoleUrl, config.issuer.href, config.clientId]);
    this.jar = createCookieJar(env);
    this.provider = createProvider(config);
    this.digest = createKeyDigest(config.issuer.href, config.clientId);
    const revocations = new Revocations(revocationStore);
    const { jar, provider, digest } = this;
    this.sessions = new Sessions(config, { jar, audience, revocations, digest });
    this.backchannelLogout = new BackchannelLogout(config, { provider, revocations, digest });
    this.sealer = createSealer(config.sessionSecrets, `sign-in ${audience}`);
    this.signInLimit = signInLimit;
    this.claimNames = {
      user: config.userClaim,
      email: 'email',
      groups: config.groupsClaim,
      trustEmail: config.trustEmail,
    };
  }

  private async signIn(request: IncomingMessage): Promise<AuthResponse> {
    const seconds = this.signInLimit(request);
    if (seconds > 0) return { kind: 'wait', seconds, cookies: [] };
    const configuration = await this.provider.discover();
    const pending: PendingSignIn = {
      state: client.randomState(),
      nonce: client.randomNonce(),
      verifier: client.randomPKCECodeVerifier(),
      returnTo: safeReturnPath(queryParams(request).get('return_to'), this.basePath),
    };
    const location = client.buildAuthorizationUrl(configuration, {
      redirect_uri: `${this.consoleUrl}/auth/callback`,
      scope: this.config.scopes,
      state: pending.state,
      nonce: pending.nonce,
      code_challenge: await client.calculatePKCECodeChallenge(pending.verifier),
      code_challenge_method: 'S256',
    });
    const sealed = await this.sealer.seal({ pending }, Date.now() + SIGN_IN_MS);
    const cookie = this.jar.set(this.jar.signIn(pending.state), sealed, SIGN_IN_MS / 1000);
    const abandoned = [...authCookies(request).keys()]
      .filter(this.jar.isSignIn)
      .slice(0, -MAX_PENDING + 1);
    return {
      kind: 'redirect',
      location: location.href,
      cookies: [...(cookie ? [cookie] : []), ...abandoned.map(this.jar.clear)],
    };
  }

  /**
   * Returns the pending sign-in that this callback completes, only once for each, or why there is
   * none: `sign_in_lost` is harmless (expired cookie), the others may be an attack. A number is the
   * seconds to wait, because the next step calls the provider.
   */
  private async takePendingSignIn(
    request: IncomingMessage,
  ): Promise<PendingSignIn | 'sign_in_lost' | 'sign_in_used' | 'sign_in_foreign' | number> {
    const [state = '', ...otherStates] = queryParams(request).getAll('state');
    if (this.usedStates.has(state)) return 'sign_in_used';
    const cookies = authCookies(request);
    if (![...cookies.keys()].some(this.jar.isSignIn)) return 'sign_in_lost';
    if (otherStates.length > 0) return 'sign_in_foreign';
    const payload = await this.sealer.open(cookies.get(this.jar.signIn(state)) ?? '');
    // Only `signIn` encrypts cookies with this key.
    const pending = payload?.pending as PendingSignIn | undefined;
    if (!pending || pending.state !== state) return 'sign_in_foreign';
    const seconds = this.signInLimit(request);
    if (seconds > 0) return seconds;
    return this.usedStates.add(state, Date.now() + SIGN_IN_MS) ? pending : 'sign_in_used';
  }

  private async callback(request: IncomingMessage): Promise<AuthResponse> {
    const pending = await this.takePendingSignIn(request);
    if (typeof pending === 'number') return { kind: 'wait', seconds: pending, cookies: [] };
    if (typeof pending === 'string')
      return { kind: 'refused', refused: { code: pending, status: 400 }, cookies: [] };
    const cookies = [this.jar.clear(this.jar.signIn(pending.state))];
    try {
      const url = new URL(`${this.consoleUrl}/auth/callback?${queryParams(request)}`);
      const tokens = await this.provider.grant(url, {
        pkceCodeVerifier: pending.verifier,
        expectedState: pending.state,
        expectedNonce: pending.nonce,
        idTokenExpected: true,
      });
      const claims = await this.readClaims(tokens);
      const identity = identityOf(claims, this.claimNames);
      if (!identity)
        return { kind: 'refused', refused: { code: 'bad_identity', status: 401 }, cookies };
      const previous = await this.sessions.open(request);
      if (previous) await this.sessions.revoke(previous);
      const session = await this.sessions.start(identity, {
        ...this.sessionOrigin(tokens),
        groupsOverage: hasGroupsOverage(claims, this.config.groupsClaim),
        idToken: tokens.id_token,
      });
      if (!session)
        return { kind: 'refused', refused: { code: 'session_too_large', status: 431 }, cookies };
      return { kind: 'redirect', location: pending.returnTo, cookies: [...cookies, session] };
    } catch (error) {
      return { kind: 'refused', refused: refusalOf(error), cookies };
    }
  }

  private sessionOrigin(tokens: Tokens): SessionOrigin {
    const claims = tokens.claims();
    if (!claims) throw new Error('The response contains no ID token.');
    const { sub, sid, iat } = claims;
    const providerSession = typeof sid === 'string' && sid !== '' ? sid : null;
    return {
      subjectKey: this.digest(sub),
      ...(providerSession === null ? {} : { providerSessionKey: this.digest(providerSession) }),
      issuedAtS: iat,
    };
  }

  /**
   * Adds the userinfo claims if email or groups are missing in the token, which takes precedence.
   */
  private async readClaims(tokens: Tokens): Promise<Record<string, unknown>> {
    const claims = tokens.claims();
    if (!claims) throw new Error('The response contains no ID token.');
    const configuration = await this.provider.discover();
    const isComplete =
      claims.email !== undefined &&
      claims.email_verified !== undefined &&
      identityOf(claims, this.claimNames)?.groups.length;
    if (isComplete || !configuration.serverMetadata().userinfo_endpoint) return claims;
    return {
      ...(await client.fetchUserInfo(configuration, tokens.access_token, claims.sub)),
      ...claims,
    };
  }

  private async signOut(request: IncomingMessage): Promise<AuthResponse> {
    const openSessions = await this.sessions.openAll(request);
    await Promise.all(openSessions.map((session) => this.sessions.revoke(session)));
    const session = openSessions.find(({ idToken }) => idToken !== undefined) ?? openSessions[0];
    const pending = [...authCookieValues(request).keys()].filter(this.jar.isSignIn);
    const cookies = [this.jar.session, ...pending].map(this.jar.clear);
    const signedOutUrl = `${this.consoleUrl}/auth/signed-out`;
    const configuration = await this.provider.discover().catch(() => null);
    if (!session || !configuration?.serverMetadata().end_session_endpoint)
      return { kind: 'redirect', location: `${this.basePath}/auth/signed-out`, cookies };
    const href = client.buildEndSessionUrl(configuration, {
      post_logout_redirect_uri: signedOutUrl,
      ...(session.idToken ? { id_token_hint: session.idToken } : {}),
    }).href;
    // An intermediate page, because the CSP's form-action would apply to the provider's redirects.
    return { kind: 'page', page: 'signing_out', href, isAutomatic: true, cookies };
  }

  isProviderRequest(method: string | undefined, path: string): boolean {
    return method === 'POST' && path === BACKCHANNEL_LOGOUT_PATH;
  }

  async authenticate(request: IncomingMessage): Promise<Authentication> {
    const session = await this.sessions.read(request);
    this.jar.hide(request);
    if (session === 'unavailable')
      return { kind: 'refused', refused: { code: 'database_down', status: 503 } };
    if (!session)
      return {
        kind: 'sign_in',
        location: withReturnPath(`${this.basePath}/auth/sign-in`, request.url ?? ''),
      };
    const setCookie = isActivity(request, this.basePath)
      ? await this.sessions.touch(session)
      : null;
    return {
      kind: 'identity',
      identity: session.identity,
      groupsOverage: session.groupsOverage,
      setCookie: setCookie ?? undefined,
    };
  }

  async handleEndpoint(request: IncomingMessage, path: string): Promise<AuthResponse | null> {
    try {
      if (path === BACKCHANNEL_LOGOUT_PATH) {
        if (request.method !== 'POST') return { kind: 'provider', status: 405, cookies: [] };
        return { kind: 'provider', ...(await this.backchannelLogout.handle(request)), cookies: [] };
      }
      if (request.method === 'POST')
        return path === '/auth/sign-out' ? await this.signOut(request) : null;
      if (path === '/auth/sign-in') return await this.signIn(request);
      if (path === '/auth/callback') return await this.callback(request);
      if (path === '/auth/signed-out')
        return {
          kind: 'page',
          page: 'sign_out_done',
          href: `${this.basePath}/auth/sign-in`,
          isAutomatic: false,
          cookies: [],
        };
      return null;
    } catch (error) {
      return { kind: 'refused', refused: refusalOf(error), cookies: [] };
    }
  }
}

function queryParams(request: IncomingMessage): URLSearchParams {
  const url = request.url ?? '';
  return new URLSearchParams(url.includes('?') ? url.slice(url.indexOf('?') + 1) : '');
}

function errorCodeOf(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown';
  return 'code' in error ? String(error.code) : error.name;
}

/** Logs the error code, never the provider's text, which may come from the URL. */
function refusalOf(error: unknown): AuthRefusal {
  const code = errorCodeOf(error);
  const details = error instanceof client.ResponseBodyError ? ` (${error.error.slice(0, 60)})` : '';
  console.error(`Sign-in failed: ${code}${details}`);
  const isNetworkError =
    error instanceof TypeError ||
    (error instanceof Error && (error.name === 'TimeoutError' || code === 'OAUTH_TIMEOUT'));
  return error instanceof ProviderUnreachableError || isNetworkError
    ? PROVIDER_UNREACHABLE
    : SIGN_IN_REFUSED;
}
