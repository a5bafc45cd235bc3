import { freePort } from '../test/harness/free-port';
import { callAction, fingerprint, pageOf } from './support/action-calls';
import { builtActions } from './support/built-doors';
import { NO_NGINX, type Nginx, findNginx, startNginx } from './support/nginx';
import {
  ACTIONS,
  GATEWAY_ROUTES,
  ROUTES,
  type RouteCase,
  type Rows,
  insertRows,
} from './support/permission-matrix';
import { useSite } from './support/site';
import { expect, httpTest as test } from './support/test';

/*
 * Every Server Action, route and page while nobody signs in, behind an nginx that has nothing but
 * `proxy_pass http://127.0.0.1:PORT`: a loopback Host, HTTP/1.0 and no trace of a proxy.
 */
const LIMITS = { WRITE_RATE_LIMIT: '0', SEARCH_RATE_LIMIT: '0' };
const MODES: { name: string; env: Record<string, string>; isOpen: boolean }[] = [
  { name: 'AUTH_MODE unset', env: {}, isOpen: false },
  { name: 'AUTH_MODE=none', env: { AUTH_MODE: 'none' }, isOpen: false },
  {
    name: 'AUTH_MODE=none and I_KNOW_THIS_IS_OPEN=1',
    env: { AUTH_MODE: 'none', I_KNOW_THIS_IS_OPEN: '1' },
    isOpen: true,
  },
];

/** `/` leads to `/jobs`. */
const statuses = (pattern: string, { status = 200 }: RouteCase) =>
  pattern === '/' ? [200, 307, 308] : [status];

for (const { name, env, isOpen } of MODES) {
  test.describe(name, () => {
    let rows: Rows;
    let nginx: Nginx;
    const site = useSite(`bare proxy ${name}`, {
      env: { ...env, ...LIMITS },
      seed: async (db) => void (rows = await insertRows(db)),
    });
    test.beforeAll(async () => {
      if (!findNginx()) return;
      nginx = await startNginx({
        port: await freePort(),
        console: site.server.port,
        bare: true,
      });
    });
    test.beforeEach(({}, testInfo) => testInfo.skip(!findNginx(), NO_NGINX));
    test.afterAll(() => nginx?.stop());

    const get = async (
      path: string,
      headers: Record<string, string> = {},
      origin = nginx.origin,
    ) => {
      const answer = await fetch(origin + path, {
        headers: { Accept: 'text/html', ...headers },
        redirect: 'manual',
      });
      const text = await answer.text();
      return { status: answer.status, location: answer.headers.get('location'), text };
    };

    test(`a bare proxy_pass ${isOpen ? 'opens every page and route' : 'gets no page and no route without a session'}`, async () => {
      const before = await fingerprint(site);
      for (const [pattern, route] of Object.entries(ROUTES)) {
        const path = route.path(rows);
        for (const cookie of ['', `gjc_local_${site.server.port}=${'A'.repeat(43)}`]) {
          const { status, location, text } = await get(path, { Cookie: cookie });
          if (isOpen || route.anybody) expect(statuses(pattern, route), path).toContain(status);
          else if (path.startsWith('/api/')) expect(status, path).toBe(401);
          else {
            expect(status, path).toBe(303);
            expect(location, path).toBe(`/auth/start?return_to=${encodeURIComponent(path)}`);
            expect(text, path).toBe('');
          }
        }
        if (!isOpen) {
          const direct = await get(path, { Cookie: site.server.cookie }, site.server.origin);
          expect(statuses(pattern, route), `${path} with a session`).toContain(direct.status);
        }
      }
      for (const { path, withoutSession } of GATEWAY_ROUTES)
        expect((await get(path)).status, path).toBe(isOpen ? 404 : withoutSession);
      // Its own rule takes this for a scraper of the machine: METRICS_TOKEN closes it.
      if (!isOpen) expect((await get('/metrics')).status).toBe(200);
      expect(await fingerprint(site)).toBe(before);
    });

    test(`a bare proxy_pass ${isOpen ? 'carries out actions that prove the console’s own origin' : 'carries out no action'}`, async () => {
      const forged = `http://127.0.0.1:${site.server.port}`;
      for (const [key, cases] of Object.entries(ACTIONS)) {
        const action = builtActions().get(key);
        if (!action) throw new Error(`No page uses ${key}.`);
        for (const one of cases) {
          const label = `${key}, ${one.name}`;
          const given = await one.given(site.db);
          const before = await fingerprint(site);
          const url = nginx.origin + pageOf(action, rows);
          const fromProxy = await callAction(url, action, given, { Origin: nginx.origin });
          expect(fromProxy.status, label).toBe(403);
          const { status } = await callAction(url, action, given, { Origin: forged });
          if (isOpen) expect(status, label).toBeLessThan(400);
          else {
            expect(status, label).toBe(401);
            expect(await fingerprint(site), `${label}: nothing is changed`).toBe(before);
          }
        }
      }
    });

    if (isOpen) return;

    test('a bare proxy_pass takes no token of another origin, and no wrong one', async () => {
      const post = (headers: Record<string, string>, token: string) =>
        fetch(`${nginx.origin}/auth/start`, {
          method: 'POST',
          headers,
          body: new URLSearchParams({ token }),
          redirect: 'manual',
        });
      const forged = `http://127.0.0.1:${site.server.port}`;
      for (const [origin, status, error] of [
        [nginx.origin, 403, 'not sent from a page of this console'],
        ['http://evil.example', 403, 'not sent from a page of this console'],
        [forged, 403, 'This token is not valid'],
      ] as const) {
        const answer = await post({ Origin: origin }, 'A'.repeat(43));
        expect(answer.status, origin).toBe(status);
        expect(await answer.text(), origin).toContain(error);
        expect(answer.headers.get('set-cookie'), origin).toBeNull();
      }
    });
  });
}
