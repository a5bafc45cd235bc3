import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { LOCAL, VIEWER_HEADER, type Viewer, encodeViewer, roleOf } from '../lib/auth/roles';
import type { Env } from '../lib/config/environment';
import { withAnswer } from '../lib/http/response-status';
import type { RevocationStore } from '../lib/sessions/revocation';
import { judgePost } from './action-request';
import { isPublic, isProbe, pathInside, restorePrefix } from './address';
import { createAuthenticator } from './auth/authenticator';
import { START_PATH } from './auth/local-access';
import { sendStartPage } from './auth/start-page';
import type { StartTokens } from './auth/start-token';
import type { Authenticator, AuthResponse } from './auth/types';
import { limitBody } from './body-limit';
import type { BuildManifest } from './build-manifest';
import { createClientAddresses, rateLimitKey } from './client-address';
import { contentSecurityPolicy, createNonce, setSecurityHeaders } from './headers';
import { answerMetrics, recordRequest } from './metrics';
import { passPreferences, setPreferences } from './preferences';
import { createRateLimits, createSignInLimit } from './rate-limits';
import { recordRefusal } from './refusals';
import { sendDoorPage, sendRefused } from './refused-page';
import { requestIdOf } from './request-id';
import {
  type Refused,
  foreignPageRule,
  hostRule,
  oneHostRule,
  readableUrl,
  sameOriginRule,
} from './request-rules';
import { dropUnreadableRouterState } from './router-state';
import { askForAll, setImmutable, staticFileAt } from './static-files';

export type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** One request on its way in. */
interface RequestContext {
  request: IncomingMessage;
  response: ServerResponse;
  csp: string;
  nonce: string;
  /** Without base path and query. */
  path: string;
  requestId: string;
  /** What the page decides, and what the log names the request by. */
  answer: { status?: number; requestId?: string };
  /** Where it comes from, as far as trusted proxies vouch for it. */
  address: string;
  viewer: (Omit<Viewer, 'role'> & { role: Viewer['role'] | null }) | null;
}

/**
 * What stands between the socket and Next: the rules that must hold before any page or action runs, and who is
 * asking. Returns the listener of the HTTP server. Throws EnvError for keys that cannot be read.
 */
export function frontDoor(
  env: Env,
  next: Handler,
  options: {
    development: boolean;
    build?: BuildManifest;
    startTokens?: StartTokens | null;
    revocationStore?: RevocationStore;
    /** Whether the server is about to stop: load balancers are to send nothing more. */
    isDraining?: () => boolean;
    /** Whether the files of the build are still there. */
    hasFiles?: () => Promise<boolean>;
  },
) {
  const addresses = createClientAddresses(env.trustedProxies);
  const authenticator = createAuthenticator(env, {
    startTokens: options.startTokens ?? null,
    signInLimit: createSignInLimit(addresses),
    revocationStore: options.revocationStore ?? null,
  });
  const waitOf = createRateLimits(env);
  const hsts = env.publicUrl?.protocol === 'https:';

  function refuse(context: RequestContext, refused: Refused): void {
    const { request, response, requestId, viewer, path, address } = context;
    recordRefusal(request, { refused, viewer, requestId, address });
    if (response.headersSent) return void response.destroy();
    response.setHeader('X-Request-Id', requestId);
    if (refused.status === 413) response.once('finish', () => request.destroy());
    sendRefused(request, response, {
      refused,
      ways: recoveryLinks(refused),
      api: path.startsWith('/api/'),
      requestId,
    });
  }

  /** What a reader can do about it, where the console itself signs people in. */
  function recoveryLinks({ code }: Refused): Parameters<typeof sendRefused>[2]['ways'] {
    if (env.auth.mode === 'none')
      return code === 'signed_out'
        ? [{ href: `${env.basePath}${START_PATH}`, label: 'sign_in' }]
        : [];
    if (env.auth.mode !== 'oidc') return [];
    if (code === 'no_role' || code === 'groups_overage')
      return [{ form: `${env.basePath}/auth/sign-out`, label: 'sign_out' }];
    return code === 'signed_out' ||
      code === 'sign_in_lost' ||
      code === 'sign_in_used' ||
      code === 'sign_in_foreign' ||
      code === 'sign_in_refused' ||
      code === 'provider_unreachable'
      ? [{ href: `${env.basePath}/auth/sign-in`, label: 'sign_in' }]
      : [];
  }

  function answerDoor(context: RequestContext, answer: AuthResponse): void {
    const { request, response } = context;
    if (answer.cookies.length > 0) response.setHeader('Set-Cookie', answer.cookies);
    if (answer.kind === 'refused') return refuse(context, answer.refused);
    if (answer.kind === 'wait') return void rateLimited(context, answer.seconds);
    if (answer.kind === 'provider') return answerProvider(context, answer);
    if (answer.kind === 'page') return sendDoorPage(request, response, answer);
    if (answer.kind === 'start') {
      const { requestId, viewer, nonce, address } = context;
      if (answer.problem)
        recordRefusal(request, { refused: answer.problem, viewer, requestId, address });
      response.setHeader('X-Request-Id', requestId);
      return sendStartPage(request, response, { ...answer, basePath: env.basePath, nonce });
    }
    response.writeHead(303, { Location: answer.location }).end();
  }

  function answerProvider(
    context: RequestContext,
    answer: AuthResponse & { kind: 'provider' },
  ): void {
    const { request, response, viewer, requestId, address } = context;
    const { status, error } = answer;
    response.statusCode = status;
    if (status === 405) response.setHeader('Allow', 'POST');
    // What of the body was not read is not waited for.
    if (!request.complete) response.setHeader('Connection', 'close');
    if (error === undefined) return void response.end();
    recordRefusal(request, { refused: { code: error, status }, viewer, requestId, address });
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify({ error: 'invalid_request', error_description: error }));
  }

  /** true: somebody has sent too many, and is told for how long to wait. */
  function rateLimited(context: RequestContext, seconds: number): boolean {
    if (seconds === 0) return false;
    context.response.setHeader('Retry-After', String(seconds));
    refuse(context, { code: 'too_many_requests', status: 429 });
    return true;
  }

  /** Finds out who is asking and what they are; true: that has been answered. */
  async function refuseUnauthenticated(
    context: RequestContext,
    { authenticate, door }: Authenticator,
  ): Promise<boolean> {
    const { request, response, path } = context;
    const answer = await door?.(request, path);
    if (answer) {
      answerDoor(context, answer);
      return true;
    }
    const found = await authenticate(request);
    if (found.kind === 'sign_in' && wantsPage(request, path)) {
      response.writeHead(303, { Location: found.location }).end();
      return true;
    }
    if (found.kind !== 'identity') {
      refuse(
        context,
        found.kind === 'refused' ? found.refused : { code: 'signed_out', status: 401 },
      );
      return true;
    }
    context.requestId = requestIdOf(request.headers['x-request-id'], found.trustedProxy === true);
    const role = env.auth.mode === 'none' ? LOCAL.role : roleOf(found.identity, env.auth.roles);
    const { id, email, name } = found.identity;
    context.viewer = { id, email, name, role };
    if (found.setCookie) response.setHeader('Set-Cookie', found.setCookie);
    if (!role)
      refuse(context, { code: found.groupsOverage ? 'groups_overage' : 'no_role', status: 403 });
    return !role;
  }

  async function enter(context: RequestContext, body: Promise<Buffer> | null): Promise<void> {
    const { request, response, path, csp } = context;
    if (path === '/readyz') {
      const problem = await readinessProblem(options);
      if (problem) return sendProbe(response, 503, problem);
    }
    if (!isPublic(request.method, path)) {
      if (authenticator && (await refuseUnauthenticated(context, authenticator))) return;
      context.viewer ??= LOCAL;
      const served = env.auth.mode !== 'none' || env.auth.open;
      if (
        served &&
        rateLimited(
          context,
          waitOf(
            request,
            path,
            env.auth.mode === 'none' ? rateLimitKey(context.address) : context.viewer.id,
          ),
        )
      )
        return;
      if (setPreferences(request, response, env)) return;
      const { role } = context.viewer;
      if (role) request.headers[VIEWER_HEADER] = encodeViewer({ ...context.viewer, role });
    }
    // Next reads the nonce for its own scripts from the request's policy.
    request.headers['content-security-policy'] = csp;
    request.headers['x-request-id'] = context.requestId;
    response.setHeader('X-Request-Id', context.requestId);
    passHost(request, env);
    dropUnreadableRouterState(request);
    const { answer } = context;
    answer.requestId = context.requestId;
    chooseStatus(response, answer);
    if (request.method === 'POST') keepBasePath(response, env);
    const sent = await body;
    if (request.method === 'POST' && options.build) {
      const action = judgePost(request, path, sent ?? Buffer.alloc(0), options.build);
      if ('refused' in action) return refuse(context, action.refused);
      if (action.page !== null) request.url = env.basePath + action.page;
    }
    await next(request, response);
  }

  return (request: IncomingMessage, response: ServerResponse): void => {
    const nonce = createNonce();
    const csp = contentSecurityPolicy(nonce, options.development);
    setSecurityHeaders(response, csp, hsts);
    // What the pages take for the front door's word is nobody else's.
    for (const name of Object.keys(request.headers))
      if (name.startsWith('x-gjc-') || name === 'x-action-forwarded') delete request.headers[name];
    const unreadable = oneHostRule(request) ?? readableUrl(request);
    if (!unreadable) request.url = restorePrefix(request.url ?? '/', env);
    passPreferences(request, env);

    const address = unreadable ? '' : pathInside(request.url ?? '/', env);
    const asset =
      address !== null && options.build
        ? staticFileAt(request.method, address, options.build.staticFiles)
        : null;
    const path = asset && 'file' in asset ? asset.file : address;
    if (asset && 'file' in asset) request.url = env.basePath + asset.file;
    recordRequest(request, response, path ?? '');
    if (path === '/metrics')
      return void answerMetrics(request, response, env).catch((error: unknown) =>
        fail(response, error),
      );
    const requestId = randomUUID();
    const context: RequestContext = {
      request,
      response,
      csp,
      nonce,
      path: path ?? '',
      requestId,
      answer: { requestId },
      address: addresses.addressOf(request),
      viewer: null,
    };
    const body = limitBody(request, () => refuse(context, { code: 'too_large', status: 413 }));
    const open = path !== null && isPublic(request.method, path);
    const isOfProvider =
      path !== null && authenticator?.isProviderRequest?.(request.method, path) === true;
    const refused =
      unreadable ??
      (open && isProbe(path) ? null : hostRule(request, env)) ??
      (isOfProvider ? null : sameOriginRule(request, env)) ??
      (path === null ? ({ code: 'not_found', status: 404 } as const) : null) ??
      (asset && 'refused' in asset ? asset.refused : null) ??
      (open || isOfProvider ? null : foreignPageRule(request));
    if (refused) return refuse(context, refused);
    if (asset) {
      askForAll(request);
      setImmutable(response);
    }
    withAnswer(context.answer, () => enter(context, body)).catch((error: unknown) =>
      fail(response, error),
    );
  };
}

/** Why the server is not to get requests, whatever the database says. */
async function readinessProblem({
  isDraining,
  hasFiles,
}: {
  isDraining?: () => boolean;
  hasFiles?: () => Promise<boolean>;
}): Promise<string | null> {
  if (isDraining?.()) return 'draining';
  return hasFiles && !(await hasFiles()) ? 'files missing' : null;
}

function sendProbe(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=utf-8' }).end(`${text}\n`);
}

function fail(response: ServerResponse, error: unknown): void {
  console.error(error);
  if (!response.headersSent) response.writeHead(500).end();
  else response.destroy();
}

/** A reader who opens an address or a download, and not a page's own request, whose answer nobody would see. */
function wantsPage({ method, headers }: IncomingMessage, path: string): boolean {
  if (
    (method !== 'GET' && method !== 'HEAD') ||
    headers.rsc !== undefined ||
    headers['next-router-state-tree'] !== undefined
  )
    return false;
  if (path.startsWith('/api/')) return headers['sec-fetch-mode'] === 'navigate';
  const { accept = '*/*', 'sec-fetch-mode': mode = 'navigate' } = headers;
  return accept.includes('text/html') || (accept.includes('*/*') && mode === 'navigate');
}

/** Next compares a Server Action's Origin with the first X-Forwarded-Host; it must be ours, not the client's. */
function passHost(request: IncomingMessage, env: Env): void {
  for (const name of Object.keys(request.headers))
    if (name === 'forwarded' || name.startsWith('x-forwarded-')) delete request.headers[name];
  request.headers['x-forwarded-host'] = env.publicUrl?.host ?? request.headers.host;
  request.headers['x-forwarded-proto'] = env.publicUrl?.protocol.replace(':', '') ?? 'http';
}

/** Lets the page's own choice of status take the place of Next's 200. */
function chooseStatus(response: ServerResponse, answer: { status?: number }): void {
  const writeHead = response.writeHead.bind(response) as (...args: unknown[]) => ServerResponse;
  response.writeHead = ((status: number, ...rest: unknown[]) =>
    writeHead(
      answer.status !== undefined && status === 200 ? answer.status : status,
      ...rest,
    )) as typeof response.writeHead;
}

/** Next leaves the base path out of where a form's action leads when it was sent without JavaScript. */
function keepBasePath(response: ServerResponse, env: Env): void {
  const writeHead = response.writeHead.bind(response) as (...args: unknown[]) => ServerResponse;
  response.writeHead = ((status: number, ...rest: unknown[]) => {
    const location = response.getHeader('Location');
    if (
      status === 303 &&
      typeof location === 'string' &&
      location.startsWith('/') &&
      !location.startsWith(`${env.basePath}/`)
    )
      response.setHeader('Location', env.basePath + location);
    return writeHead(status, ...rest);
  }) as typeof response.writeHead;
}
