import type { IncomingMessage } from 'node:http';
import { type Identity, LOCAL_VIEWER } from '../../lib/auth/roles';
import type { SessionLimits } from '../../lib/config/authentication';
import type { Env } from '../../lib/config/environment';
import { isDemoDatabase } from '../../lib/good-job/tables';
import { createLimit } from '../rate-limits';
import { isActivity } from './activity';
import { cookiePairs, printSetCookie, removeCookies } from './cookies';
import { LocalSessions } from './local-session';
import { safeReturnPath, withReturnPath } from './return-path';
import type { StartTokens } from './start-token';
import type { AuthResponse, Authentication, Authenticator, StartProblem } from './types';

export const START_PATH = '/auth/start';
/**
 * Per minute. A correct token is accepted even above the limit, so that an attacker cannot lock the
 * operator out.
 */
const MAX_WRONG_TOKENS = 30;
const MAX_FORM_BYTES = 8_000;
const COOKIE = 'gjc_local_';
/**
 * Maximum cookies of one name. A page at another port can set some, which must not hide the genuine
 * one.
 */
const MAX_COOKIES = 8;

const LOCAL_IDENTITY: Identity = {
  id: LOCAL_VIEWER.id,
  user: LOCAL_VIEWER.id,
  email: null,
  name: null,
  groups: [],
};

/** Session cookies of every port, which later code must not log. */
const HIDDEN_COOKIE = /^\s*(__Host-|__Secure-)?gjc_local_/;

/**
 * AUTH_MODE=none: anyone who can read the server's output on this machine is an admin. A request
 * proves it with a cookie obtained for a start token.
 */
export class LocalAccess implements Authenticator {
  private readonly now: () => number;
  private readonly sessions: LocalSessions;
  private readonly secondsToWait = createLimit(MAX_WRONG_TOKENS);
  private readonly secure: boolean;

  constructor(
    private readonly env: Env,
    limits: SessionLimits,
    private readonly tokens: StartTokens | null,
  ) {
    this.now = tokens?.now ?? Date.now;
    this.sessions = new LocalSessions(limits, this.now);
    this.secure = env.publicUrl?.protocol === 'https:';
  }

  async authenticate(request: IncomingMessage): Promise<Authentication> {
    const { basePath, demo } = this.env;
    const signedIn = this.isSignedIn(request, isActivity(request, basePath));
    if (request.headers.cookie?.includes(COOKIE)) removeCookies(request, HIDDEN_COOKIE);
    if (signedIn || (demo && (await isDemoDatabase(this.now()))))
      return { kind: 'identity', identity: LOCAL_IDENTITY };
    return {
      kind: 'sign_in',
      location: withReturnPath(basePath + START_PATH, request.url ?? ''),
    };
  }

  async handleEndpoint(request: IncomingMessage, path: string): Promise<AuthResponse | null> {
    if (path !== START_PATH) return null;
    if (request.method === 'POST') return this.signIn(request);
    const query = new URLSearchParams((request.url ?? '').split('?')[1] ?? '');
    return this.startPage(request, safeReturnPath(query.get('return_to'), this.env.basePath));
  }

  private async signIn(request: IncomingMessage): Promise<AuthResponse> {
    const form = await readFormBody(request);
    const returnTo = safeReturnPath(form.get('return_to'), this.env.basePath);
    const result = this.tokens?.consume(form.get('token') ?? '') ?? 'wrong';
    if (result === 'accepted')
      return { kind: 'redirect', location: returnTo, cookies: [this.startSession(request)] };
    const waitSeconds = this.secondsToWait('wrong token');
    return this.startPage(
      request,
      returnTo,
      waitSeconds > 0
        ? { code: 'start_token_too_many', status: 429, retryAfterSeconds: waitSeconds }
        : { code: `start_token_${result}`, status: 403 },
    );
  }

  private startPage(
    request: IncomingMessage,
    returnTo: string,
    problem: StartProblem | null = null,
  ): AuthResponse {
    this.tokens?.ensureFolder();
    // The browser omits a Strict cookie on a link from another site: the viewer may be signed in.
    const canContinue =
      request.headers['sec-fetch-site'] === 'cross-site' || this.isSignedIn(request, false);
    return { kind: 'start', problem, returnTo, canContinue, cookies: [] };
  }

  private isSignedIn(request: IncomingMessage, isActivity: boolean): boolean {
    const name = this.cookieName(request);
    return cookiePairs(request)
      .filter((cookie) => cookie[0] === name)
      .slice(0, MAX_COOKIES)
      .some(([, id]) => this.sessions.has(id, isActivity));
  }

  /** Returns the cookie of a new session. */
  private startSession(request: IncomingMessage): string {
    return printSetCookie({
      name: this.cookieName(request),
      value: this.sessions.start(),
      path: this.env.basePath || '/',
      httpOnly: true,
      sameSite: 'strict',
      secure: this.secure,
    });
  }

  /** The name includes the port, because all ports of a host share their cookies. */
  private cookieName({ headers }: IncomingMessage): string {
    const securePrefix = this.env.basePath === '' ? '__Host-' : '__Secure-';
    const port = /:(\d{1,5})$/.exec(headers.host ?? '')?.[1] ?? (this.secure ? '443' : '80');
    return `${this.secure ? securePrefix : ''}${COOKIE}${port}`;
  }
}

/** The fields of a form; empty if the body is too large or has another type. */
async function readFormBody(request: IncomingMessage): Promise<URLSearchParams> {
  const type = request.headers['content-type']?.split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/x-www-form-urlencoded') return new URLSearchParams();
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    // Keep the connection open for the response when reading stops early.
    const body: AsyncIterable<Buffer> = request.iterator({ destroyOnReturn: false });
    for await (const chunk of body) {
      bytes += chunk.length;
      if (bytes > MAX_FORM_BYTES) return new URLSearchParams();
      chunks.push(chunk);
    }
  } catch {
    return new URLSearchParams(); // the client went away
  }
  return new URLSearchParams(Buffer.concat(chunks).toString('utf8'));
}
