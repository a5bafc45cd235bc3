import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Env } from '../lib/env';
import { PREFERENCES, type Locale } from '../lib/i18n/locales';
import { withAnswer } from '../lib/response-status';
import en from '../messages/en.json';
import ja from '../messages/ja.json';
import { contentSecurityPolicy, createNonce, setSecurityHeaders } from './headers';
import { answerMetrics, isMetrics, recordRequest } from './metrics';
import { passPreferences, setPreferences } from './preferences';
import { type Refused, loopbackRule, readableUrl, sameOriginRule } from './request-rules';

export type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

const MESSAGES = { en, ja };

/**
 * What stands between the socket and Next: the rules that must hold before any page or action runs. Returns the
 * listener of the HTTP server.
 */
export function frontDoor(env: Env, next: Handler, options: { development: boolean }) {
  return (request: IncomingMessage, response: ServerResponse): void => {
    const nonce = createNonce();
    const csp = contentSecurityPolicy(nonce, options.development);
    setSecurityHeaders(response, csp);
    if (env.proxyStripsPrefix && env.basePath) request.url = env.basePath + (request.url === '/' ? '' : (request.url ?? ''));
    recordRequest(request, response, env);
    if (isMetrics(request, env)) return void answerMetrics(request, response, env).catch((error: unknown) => fail(response, error));
    passPreferences(request, env);

    const refused = readableUrl(request) ?? (isProbe(request, env) ? null : loopbackRule(request)) ?? sameOriginRule(request, env);
    if (refused) return refuse(request, response, refused);
    if (setPreferences(request, response, env)) return;

    // Next reads the nonce for its own scripts from the request's policy.
    request.headers['content-security-policy'] = csp;
    request.headers['x-request-id'] = randomUUID();
    passHost(request, env);
    const answer: { status?: number } = {};
    chooseStatus(response, answer);
    if (request.method === 'POST') keepBasePath(response, env);
    withAnswer(answer, () => next(request, response)).catch((error: unknown) => fail(response, error));
  };
}

function fail(response: ServerResponse, error: unknown): void {
  console.error(error);
  if (!response.headersSent) response.writeHead(500).end();
  else response.destroy();
}

/** Probes of an orchestrator come by address; they carry no data. */
function isProbe(request: IncomingMessage, env: Env): boolean {
  const path = request.url?.split('?', 1)[0];
  return path === `${env.basePath}/healthz` || path === `${env.basePath}/readyz`;
}

/** Next compares a Server Action's Origin with the first X-Forwarded-Host; it must be ours, not the client's. */
function passHost(request: IncomingMessage, env: Env): void {
  for (const name of Object.keys(request.headers)) if (name === 'forwarded' || name.startsWith('x-forwarded-')) delete request.headers[name];
  request.headers['x-forwarded-host'] = env.publicUrl?.host ?? request.headers.host;
  request.headers['x-forwarded-proto'] = env.publicUrl?.protocol.replace(':', '') ?? 'http';
}

/** Lets the page's own choice of status take the place of Next's 200. */
function chooseStatus(response: ServerResponse, answer: { status?: number }): void {
  const writeHead = response.writeHead.bind(response) as (...args: unknown[]) => ServerResponse;
  response.writeHead = ((status: number, ...rest: unknown[]) => writeHead(answer.status !== undefined && status === 200 ? answer.status : status, ...rest)) as typeof response.writeHead;
}

/** Next leaves the base path out of where a form's action leads when it was sent without JavaScript. */
function keepBasePath(response: ServerResponse, env: Env): void {
  const writeHead = response.writeHead.bind(response) as (...args: unknown[]) => ServerResponse;
  response.writeHead = ((status: number, ...rest: unknown[]) => {
    const location = response.getHeader('Location');
    if (status === 303 && typeof location === 'string' && location.startsWith('/') && !location.startsWith(`${env.basePath}/`)) response.setHeader('Location', env.basePath + location);
    return writeHead(status, ...rest);
  }) as typeof response.writeHead;
}

/** A plain page in the reader's language: nothing of the request is repeated in it. */
function refuse(request: IncomingMessage, response: ServerResponse, { code, status }: Refused): void {
  const locale = request.headers[PREFERENCES.locale.header] as Locale;
  const messages = MESSAGES[locale].door;
  const heading = messages.heading.replace('{status}', String(status));
  response.statusCode = status;
  response.setHeader('Content-Type', 'text/html; charset=utf-8');
  if (status === 405) response.setHeader('Allow', 'GET, HEAD, POST');
  if (status === 413) response.setHeader('Connection', 'close');
  response.end(`<!doctype html><html lang="${locale}"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>${heading}</title><h1>${heading}</h1><p>${messages[code]}</p></html>\n`);
}
