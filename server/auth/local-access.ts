import type { IncomingMessage } from 'node:http';
import { LOCAL } from '../../lib/auth/roles';
import type { SessionLimits } from '../../lib/config/authentication';
import type { Env } from '../../lib/config/environment';
import { isDemoDatabase } from '../../lib/context/startup';
import { createLimit } from '../rate-limits';
import { isActivity } from './activity';
import { LocalSessions } from './local-session';
import { takeAway, withoutBlanks } from './one-header';
import { safeReturnPath, withReturnPath } from './return-path';
import type { StartTokens } from './start-token';
import type { Authenticator, AuthResponse, StartProblem } from './types';

export const START_PATH = '/auth/start';
/** Wrong tokens in a minute. A right one is accepted all the same: whoever sends wrong ones can lock nobody out. */
const MAX_WRONG = 30;
const MAX_FORM_BYTES = 8_000;
const COOKIE = 'gjc_local_';
/** Of one name; a page at another port of this machine can set some, which must not hide the right one. */
const MAX_COOKIES = 8;

/**
 * Nobody signs in: the console serves its own machine, and whoever can read what the server printed there is its
 * admin. A request proves it by the cookie that a start token was exchanged for. A proxy in front adds no such proof.
 */
export function createLocalAccess(
  env: Env,
  limits: SessionLimits,
  tokens: StartTokens | null,
): Authenticator {
  const now = tokens?.now ?? Date.now;
  const sessions = new LocalSessions(limits, now);
  const secondsToWait = createLimit(MAX_WRONG);
  const { basePath, publicUrl, demo } = env;
  const secure = publicUrl?.protocol === 'https:';
  const prefix = !secure ? '' : basePath === '' ? '__Host-' : '__Secure-';
  const attributes = `; Path=${basePath || '/'}; HttpOnly; SameSite=Strict${secure ? '; Secure' : ''}`;

  /** Cookies of one host are the same at all its ports, so each port has its own. */
  function cookieName({ headers }: IncomingMessage): string {
    const port = /:(\d{1,5})$/.exec(headers.host ?? '')?.[1] ?? (secure ? '443' : '80');
    return `${prefix}${COOKIE}${port}`;
  }

  function isSignedIn(request: IncomingMessage, isActivity: boolean): boolean {
    return cookieValues(request, cookieName(request)).some((id) => sessions.has(id, isActivity));
  }

  function page(
    request: IncomingMessage,
    returnTo: string,
    problem: StartProblem | null = null,
  ): AuthResponse {
    tokens?.ensureFolder();
    // A browser leaves a Strict cookie out where another site leads here: the reader may be signed in.
    const canContinue =
      request.headers['sec-fetch-site'] === 'cross-site' || isSignedIn(request, false);
    return { kind: 'start', problem, returnTo, canContinue, cookies: [] };
  }

  async function signIn(request: IncomingMessage): Promise<AuthResponse> {
    const form = await readForm(request);
    const returnTo = safeReturnPath(form.get('return_to'), basePath);
    const result = tokens?.consume(form.get('token') ?? '') ?? 'wrong';
    if (result === 'accepted')
      return {
        kind: 'redirect',
        location: returnTo,
        cookies: [`${cookieName(request)}=${sessions.start()}${attributes}`],
      };
    const wait = secondsToWait('wrong token');
    return page(
      request,
      returnTo,
      wait > 0
        ? { code: 'start_token_too_many', status: 429, retryAfterSeconds: wait }
        : { code: `start_token_${result}`, status: 403 },
    );
  }

  return {
    async authenticate(request) {
      const signedIn = isSignedIn(request, isActivity(request, basePath));
      hideCookies(request);
      if (signedIn || (demo && (await isDemoDatabase(now()))))
        return {
          kind: 'identity',
          identity: { id: LOCAL.id, user: LOCAL.id, email: null, name: null, groups: [] },
        };
      return {
        kind: 'sign_in',
        location: withReturnPath(basePath + START_PATH, request.url ?? ''),
      };
    },

    async door(request, path) {
      if (path !== START_PATH) return null;
      if (request.method === 'POST') return signIn(request);
      const query = new URLSearchParams((request.url ?? '').split('?')[1] ?? '');
      return page(request, safeReturnPath(query.get('return_to'), basePath));
    },
  };
}

function cookieValues(request: IncomingMessage, name: string): string[] {
  return (request.headers.cookie ?? '')
    .split(';')
    .map((part) => part.split('='))
    .filter(([key = '']) => withoutBlanks(key) === name)
    .slice(0, MAX_COOKIES)
    .map(([, value = '']) => withoutBlanks(value));
}

/** Takes the session cookies of every port from the request, so that nothing behind this can log them. */
function hideCookies(request: IncomingMessage): void {
  const { cookie } = request.headers;
  if (!cookie?.includes(COOKIE)) return;
  const others = cookie
    .split(';')
    .filter((part) => !/^\s*(__Host-|__Secure-)?gjc_local_/.test(part));
  takeAway(request, 'cookie');
  if (others.length > 0) request.headers.cookie = others.join(';').trim();
}

/** The fields of a form; none where it is too large or of another type. */
async function readForm(request: IncomingMessage): Promise<URLSearchParams> {
  const type = request.headers['content-type']?.split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/x-www-form-urlencoded') return new URLSearchParams();
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    // The connection stays open for the answer when reading stops early.
    for await (const chunk of request.iterator({
      destroyOnReturn: false,
    }) as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > MAX_FORM_BYTES) return new URLSearchParams();
      chunks.push(chunk);
    }
  } catch {
    return new URLSearchParams(); // the client went away
  }
  return new URLSearchParams(Buffer.concat(chunks).toString('utf8'));
}
