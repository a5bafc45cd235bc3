import { type Server, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ACCOUNTS } from './accounts';

interface ProxySignIn {
  port: number;
  stop(): Promise<void>;
}

/**
 * A stand-in for oauth2-proxy behind nginx's auth_request: a form with account names and a cookie.
 */
export async function startProxySignIn(): Promise<ProxySignIn> {
  const server: Server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const cookie = /(?:^|; )proxy_session=(\w+)/.exec(request.headers.cookie ?? '')?.[1];
    if (url.pathname === '/authenticate') {
      const account = ACCOUNTS.find(({ name }) => name === cookie);
      if (!account) return void response.writeHead(401).end();
      return void response
        .writeHead(202, {
          'X-Auth-Request-User': account.name,
          'X-Auth-Request-Email': account.email,
          'X-Auth-Request-Groups': account.groups.join(','),
        })
        .end();
    }
    const returnTo =
      url.searchParams.get('return_to') ??
      String(request.headers['x-auth-request-redirect'] ?? '/');
    const as = url.searchParams.get('as');
    if (url.pathname === '/sign-in' && as)
      return void response
        .writeHead(303, {
          'Set-Cookie': `proxy_session=${as}; Path=/; HttpOnly; SameSite=Lax`,
          Location: returnTo,
        })
        .end();
    if (url.pathname === '/sign-out')
      response.setHeader('Set-Cookie', 'proxy_session=; Path=/; Max-Age=0');
    const escapedUrl = returnTo.replaceAll('&', '&amp;').replaceAll('"', '&quot;');
    const buttons = ACCOUNTS.map(
      ({ name }) => `<button name="as" value="${name}">${name}</button>`,
    );
    const fields =
      `<input type="hidden" name="return_to" value="${escapedUrl}">` + buttons.join('');
    response.setHeader('Content-Type', 'text/html; charset=utf-8');
    response.end(`<!doctype html><title>Sign in</title><form action="/sign-in">${fields}</form>`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    stop: () =>
      new Promise((resolve) => void (server.closeAllConnections(), server.close(() => resolve()))),
  };
}
