import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { LOCAL_VIEWER, VIEWER_HEADER, type Viewer, encodeViewer, roleOf } from '../lib/auth/roles';
import type { Env } from '../lib/config/environment';
import { withResponseState } from '../lib/core/process-state';
import type { RevocationStore } from '../lib/sessions/revocation';
import { resolvePost } from './action-request';
import { isPublic, isProbe, pathInside, restorePrefix } from './address';
import { createAuthenticator } from './auth/authenticator';
import { START_PATH } from './auth/local-access';
import { sendStartPage } from './auth/start-page';
import type { StartTokens } from './auth/start-token';
import type { Authenticator, AuthResponse } from './auth/types';
import { limitBody } from './body-limit';
import type { BuildManifest } from './build-manifest';
import { type ClientAddresses, createClientAddresses, rateLimitKey } from './client-address';
import { contentSecurityPolicy, createNonce, setSecurityHeaders } from './headers';
import { sendMetrics, recordRequest } from './metrics';
import { setPreferenceHeaders, setPreferences } from './preferences';
import { createRateLimits, createSignInLimit } from './rate-limits';
import { recordRefusal } from './refusals';
import { sendAuthPage, sendRefused } from './refused-page';
import { requestIdOf } from './request-id';
import {
  type RequestRefusal,
  foreignPageRule,
  hostRule,
  singleHostRule,
  urlRule,
  sameOriginRule,
} from './request-rules';
import { dropUnreadableRouterState } from './router-state';
import { dropPartialRequestHeaders, setImmutable, staticFileAt } from './static-files';

export type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

interface RequestContext {
  request: IncomingMessage;
  response: ServerResponse;
  csp: string;
  nonce: string;
  /** Without base path and query. */
  path: string;
  requestId: string;
  /** `status` is set by the page; `requestId` labels the log lines of the request. */
  answer: { status?: number; requestId?: string };
  /** The client address according to TRUSTED_PROXIES. */
  address: string;
  viewer: (Omit<Viewer, 'role'> & { role: Viewer['role'] | null }) | null;
}

interface GatewayOptions {
  isDevelopment: boolean;
  build?: BuildManifest;
  startTokens?: StartTokens | null;
  revocationStore?: RevocationStore;
  /** While true, `/readyz` answers 503 so that load balancers stop sending requests. */
  isDraining?: () => boolean;
  /** Whether the files of the build still exist. */
  hasFiles?: () => Promise<boolean>;
}

type StaticFile = ReturnType<typeof staticFileAt>;

/** Enforces the request rules and authenticates the viewer before Next handles a request. */
class Gateway {
  private readonly addresses: ClientAddresses;
  private readonly authenticator: Authenticator | null;
  private readonly secondsToWait: ReturnType<typeof createRateLimits>;

  constructor(
    private readonly env: Env,
    private readonly next: Handler,
    private readonly options: GatewayOptions,
  ) {
    this.addresses = createClientAddresses(env.trustedProxies);
    this.authenticator = createAuthenticator(env, {
      startTokens: options.startTokens ?? null,
      signInLimit: createSignInLimit(this.addresses),
      revocationStore: options.revocationStore ?? null,
    });
    this.secondsToWait = createRateLimits(env);
  }

  handle(request: IncomingMessage, response: ServerResponse): void {
    const { env, options } = this;
    const nonce = createNonce();
    const csp = contentSecurityPolicy(nonce, options.isDevelopment);
    setSecurityHeaders(response, csp, env.publicUrl?.protocol === 'https:');
    removeGatewayHeaders(request);
    const urlRefusal = singleHostRule(request) ?? urlRule(request);
    if (!urlRefusal) request.url = restorePrefix(request.url ?? '/', env);
    setPreferenceHeaders(request, env);

    const requestedPath = urlRefusal ? '' : pathInside(request.url ?? '/', env);
    const asset =
      requestedPath !== null && options.build
        ? staticFileAt(request.method, requestedPath, options.build.staticFiles)
        : null;
    const path = asset && 'file' in asset ? asset.file : requestedPath;
    if (asset && 'file' in asset) request.url = env.basePath + asset.file;
    recordRequest(request, response, path ?? '');
    if (path === '/metrics')
      return void sendMetrics(request, response, env).catch((error: unknown) =>
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
      address: this.addresses.addressOf(request),
      viewer: null,
    };
    const body = limitBody(request, () => this.refuse(context, { code: 'too_large', status: 413 }));
    const refused = urlRefusal ?? this.refusalOf(request, path, asset);
    if (refused) return this.refuse(context, refused);
    if (asset) {
      dropPartialRequestHeaders(request);
      setImmutable(response);
    }
    withResponseState(context.answer, () => this.forward(context, body)).catch((error: unknown) =>
      fail(response, error),
    );
  }

  /** Applies the rules that need no viewer. `path` is null outside of the base path. */
  private refusalOf(
    request: IncomingMessage,
    path: string | null,
    asset: StaticFile,
  ): RequestRefusal | null {
    const { env, authenticator } = this;
    const needsNoSession = path !== null && isPublic(request.method, path);
    const isProviderRequest =
      path !== null && authenticator?.isProviderRequest?.(request.method, path) === true;
    return (
      (needsNoSession && isProbe(path) ? null : hostRule(request, env)) ??
      (isProviderRequest ? null : sameOriginRule(request, env)) ??
      (path === null ? ({ code: 'not_found', status: 404 } as const) : null) ??
      (asset && 'refused' in asset ? asset.refused : null) ??
      (needsNoSession || isProviderRequest ? null : foreignPageRule(request))
    );
  }

  /** Authenticates the viewer unless the path is public, and passes the request to Next. */
  private async forward(context: RequestContext, body: Promise<Buffer> | null): Promise<void> {
    const { env, options } = this;
    const { request, response, path, csp, answer } = context;
    if (path === '/readyz') {
      const problem = await readinessProblem(options);
      if (problem) return sendProbe(response, 503, problem);
    }
    if (!isPublic(request.method, path) && (await this.isHandledBeforeNext(context))) return;
    // Next takes the nonce for its own scripts from this request header.
    request.headers['content-security-policy'] = csp;
    request.headers['x-request-id'] = context.requestId;
    response.setHeader('X-Request-Id', context.requestId);
    setForwardedHost(request, env);
    dropUnreadableRouterState(request);
    answer.requestId = context.requestId;
    applyPageStatus(response, answer);
    if (request.method === 'POST') addBasePathToRedirect(response, env);
    const bodyBytes = await body;
    if (request.method === 'POST' && options.build) {
      const action = resolvePost(request, path, bodyBytes ?? Buffer.alloc(0), options.build);
      if ('refused' in action) return this.refuse(context, action.refused);
      if (action.page !== null) request.url = env.basePath + action.page;
    }
    await this.next(request, response);
  }

  /** Returns true if sign-in, a rate limit or a preference has answered the request. */
  private async isHandledBeforeNext(context: RequestContext): Promise<boolean> {
    const { env, authenticator } = this;
    const { request, response, path } = context;
    if (authenticator && (await this.refuseUnauthenticated(context, authenticator))) return true;
    context.viewer ??= LOCAL_VIEWER;
    const isShared = env.auth.mode !== 'none' || env.auth.isOpen;
    const limitKey = env.auth.mode === 'none' ? rateLimitKey(context.address) : context.viewer.id;
    if (isShared && this.refuseIfRateLimited(context, this.secondsToWait(request, path, limitKey)))
      return true;
    if (setPreferences(request, response, env)) return true;
    const { role } = context.viewer;
    if (role) request.headers[VIEWER_HEADER] = encodeViewer({ ...context.viewer, role });
    return false;
  }

  /** Sets the viewer of the context, or answers the request itself and returns true. */
  private async refuseUnauthenticated(
    context: RequestContext,
    authenticator: Authenticator,
  ): Promise<boolean> {
    const { env } = this;
    const { request, response, path } = context;
    const answer = await authenticator.handleEndpoint?.(request, path);
    if (answer) {
      this.sendAuthResponse(context, answer);
      return true;
    }
    const result = await authenticator.authenticate(request);
    if (result.kind === 'sign_in' && wantsPage(request, path)) {
      response.writeHead(303, { Location: result.location }).end();
      return true;
    }
    if (result.kind !== 'identity') {
      const signedOut = { code: 'signed_out', status: 401 } as const;
      this.refuse(context, result.kind === 'refused' ? result.refused : signedOut);
      return true;
    }
    const { identity, trustedProxy, setCookie, groupsOverage } = result;
    context.requestId = requestIdOf(request.headers['x-request-id'], trustedProxy === true);
    const role = env.auth.mode === 'none' ? LOCAL_VIEWER.role : roleOf(identity, env.auth.roles);
    context.viewer = { id: identity.id, email: identity.email, name: identity.name, role };
    if (setCookie) response.setHeader('Set-Cookie', setCookie);
    if (!role)
      this.refuse(context, { code: groupsOverage ? 'groups_overage' : 'no_role', status: 403 });
    return !role;
  }

  private sendAuthResponse(context: RequestContext, answer: AuthResponse): void {
    const { request, response } = context;
    if (answer.cookies.length > 0) response.setHeader('Set-Cookie', answer.cookies);
    if (answer.kind === 'refused') return this.refuse(context, answer.refused);
    if (answer.kind === 'wait') return void this.refuseIfRateLimited(context, answer.seconds);
    if (answer.kind === 'provider') return sendProviderResponse(context, answer);
    if (answer.kind === 'page') return sendAuthPage(request, response, answer);
    if (answer.kind === 'start') {
      const { requestId, viewer, nonce, address } = context;
      if (answer.problem)
        recordRefusal(request, { refused: answer.problem, viewer, requestId, address });
      response.setHeader('X-Request-Id', requestId);
      const { basePath } = this.env;
      return sendStartPage(request, response, { ...answer, basePath, nonce });
    }
    response.writeHead(303, { Location: answer.location }).end();
  }

  /** Answers 429 and returns true if the viewer has to wait. */
  private refuseIfRateLimited(context: RequestContext, seconds: number): boolean {
    if (seconds === 0) return false;
    context.response.setHeader('Retry-After', String(seconds));
    this.refuse(context, { code: 'too_many_requests', status: 429 });
    return true;
  }

  private refuse(context: RequestContext, refused: RequestRefusal): void {
    const { request, response, requestId, viewer, path, address } = context;
    recordRefusal(request, { refused, viewer, requestId, address });
    if (response.headersSent) return void response.destroy();
    response.setHeader('X-Request-Id', requestId);
    if (refused.status === 413) response.once('finish', () => request.destroy());
    sendRefused(request, response, {
      refused,
      links: recoveryLinks(refused, this.env),
      isApi: path.startsWith('/api/'),
      requestId,
    });
  }
}

/**
 * Returns the HTTP listener that enforces the request rules, authenticates the viewer and forwards
 * the request to Next. Throws EnvError if the JWT keys cannot be read.
 */
export function createGateway(env: Env, next: Handler, options: GatewayOptions) {
  const gateway = new Gateway(env, next, options);
  return (request: IncomingMessage, response: ServerResponse): void =>
    gateway.handle(request, response);
}

/** Pages trust these headers, so only the gateway may set them. */
function removeGatewayHeaders(request: IncomingMessage): void {
  for (const name of Object.keys(request.headers))
    if (name.startsWith('x-gjc-') || name === 'x-action-forwarded') delete request.headers[name];
}

/** Refusals that signing in (again) may solve. */
const SIGN_IN_CODES = new Set<RequestRefusal['code']>([
  'signed_out',
  'sign_in_lost',
  'sign_in_used',
  'sign_in_foreign',
  'sign_in_refused',
  'provider_unreachable',
]);

/** Links to sign in or out; empty where a proxy signs the viewer in. */
function recoveryLinks(
  { code }: RequestRefusal,
  { auth, basePath }: Env,
): Parameters<typeof sendRefused>[2]['links'] {
  if (auth.mode === 'none')
    return code === 'signed_out' ? [{ href: `${basePath}${START_PATH}`, label: 'sign_in' }] : [];
  if (auth.mode !== 'oidc') return [];
  if (code === 'no_role' || code === 'groups_overage')
    return [{ form: `${basePath}/auth/sign-out`, label: 'sign_out' }];
  return SIGN_IN_CODES.has(code) ? [{ href: `${basePath}/auth/sign-in`, label: 'sign_in' }] : [];
}

function sendProviderResponse(
  context: RequestContext,
  answer: AuthResponse & { kind: 'provider' },
): void {
  const { request, response, viewer, requestId, address } = context;
  const { status, error } = answer;
  response.statusCode = status;
  if (status === 405) response.setHeader('Allow', 'POST');
  // Close the connection instead of waiting for the rest of the body.
  if (!request.complete) response.setHeader('Connection', 'close');
  if (error === undefined) return void response.end();
  recordRefusal(request, { refused: { code: error, status }, viewer, requestId, address });
  response.setHeader('Content-Type', 'application/json');
  response.end(JSON.stringify({ error: 'invalid_request', error_description: error }));
}

/** Why load balancers should not send requests; null if they may. Ignores the database. */
async function readinessProblem({ isDraining, hasFiles }: GatewayOptions): Promise<string | null> {
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

/**
 * Whether the browser opens a page or a download. A fetch by a page gets a 401 instead of a
 * redirect, because the user would not see the sign-in page.
 */
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

/**
 * Next compares the Origin of a Server Action with the first X-Forwarded-Host, so the client must
 * not be able to set it.
 */
function setForwardedHost(request: IncomingMessage, env: Env): void {
  for (const name of Object.keys(request.headers))
    if (name === 'forwarded' || name.startsWith('x-forwarded-')) delete request.headers[name];
  request.headers['x-forwarded-host'] = env.publicUrl?.host ?? request.headers.host;
  request.headers['x-forwarded-proto'] = env.publicUrl?.protocol.replace(':', '') ?? 'http';
}

/** Replaces Next's status 200 with the status that the page has set. */
function applyPageStatus(response: ServerResponse, answer: { status?: number }): void {
  const writeHead = response.writeHead.bind(response) as (...args: unknown[]) => ServerResponse;
  response.writeHead = ((status: number, ...rest: unknown[]) =>
    writeHead(
      answer.status !== undefined && status === 200 ? answer.status : status,
      ...rest,
    )) as typeof response.writeHead;
}

/**
 * Next omits the base path when an action redirects a form that was sent without JavaScript.
 */
function addBasePathToRedirect(response: ServerResponse, env: Env): void {
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
