import { freePort } from '../test/postgres/free-port';
import { callAction, tablesChecksum, actionPagePath } from './support/action-calls';
import { builtActions } from './support/built-endpoints';
import { en } from './support/messages';
import { NO_NGINX, type Nginx, findNginx, startNginx } from './support/nginx';
import {
  ACTIONS,
  GATEWAY_ROUTES,
  ROUTES,
  type Rows,
  insertRows,
} from './support/permission-matrix';
import { useSite } from './support/site';
import { expect, httpTest as test } from './support/test';

/*
 * Calls every Server Action, route and page without a sign-in, behind an nginx that has only
 * `proxy_pass http://127.0.0.1:PORT`: a loopback Host, HTTP/1.0 and no proxy headers.
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

for (const { name, env, isOpen } of MODES) {
  test.describe(name, () => {
    let rows: Rows;
    let nginx: Nginx;
    const site = useSite(`bare proxy ${name}`, {
      env: { ...env, ...LIMITS },
      seed: async (db) => {
        rows = await insertRows(db);
      },
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
      const response = await fetch(origin + path, {
        headers: { Accept: 'text/html', ...headers },
        redirect: 'manual',
      });
      const text = await response.text();
      return { status: response.status, location: response.headers.get('location'), text };
    };

    const reach = isOpen ? 'reaches every page and route' : 'reaches nothing without a session';
    test(`${name}: a bare proxy_pass ${reach}`, async () => {
      const before = await tablesChecksum(site);
      for (const route of Object.values(ROUTES)) {
        const { status: expected = 200 } = route;
        const path = route.path(rows);
        for (const cookie of ['', `gjc_local_${site.server.port}=${'A'.repeat(43)}`]) {
          const { status, location, text } = await get(path, { Cookie: cookie });
          if (isOpen || route.isPublic) expect(status, path).toBe(expected);
          else if (path.startsWith('/api/')) expect(status, path).toBe(401);
          else {
            expect(status, path).toBe(303);
            expect(location, path).toBe(`/auth/start?return_to=${encodeURIComponent(path)}`);
            expect(text, path).toBe('');
          }
        }
        if (!isOpen) {
          const direct = await get(path, { Cookie: site.server.cookie }, site.server.origin);
          expect(direct.status, `${path} with a session`).toBe(expected);
        }
      }
      for (const { path, withoutSession } of GATEWAY_ROUTES)
        expect((await get(path)).status, path).toBe(isOpen ? 404 : withoutSession);
      // The metrics accept local requests unless METRICS_TOKEN is set.
      if (!isOpen) expect((await get('/metrics')).status).toBe(200);
      expect(await tablesChecksum(site)).toBe(before);
    });

    const effect = isOpen ? 'runs actions with the origin of the console' : 'runs no action';
    test(`${name}: a bare proxy_pass ${effect}`, async () => {
      const forgedOrigin = `http://127.0.0.1:${site.server.port}`;
      for (const [key, cases] of Object.entries(ACTIONS)) {
        const action = builtActions().get(key);
        if (!action) throw new Error(`No page uses ${key}.`);
        for (const actionCase of cases) {
          const label = `${key}, ${actionCase.name}`;
          const call = await actionCase.prepare(site.db);
          const before = await tablesChecksum(site);
          const url = nginx.origin + actionPagePath(action, rows);
          const fromProxy = await callAction(url, action, call, { Origin: nginx.origin });
          expect(fromProxy.status, label).toBe(403);
          const { status } = await callAction(url, action, call, { Origin: forgedOrigin });
          if (isOpen) expect(status, label).toBeLessThan(400);
          else {
            expect(status, label).toBe(401);
            expect(await tablesChecksum(site), `${label}: nothing changes`).toBe(before);
          }
        }
      }
    });

    if (isOpen) return;

    test(`${name}: a bare proxy_pass accepts no wrong token from any origin`, async () => {
      const post = (headers: Record<string, string>, token: string) =>
        fetch(`${nginx.origin}/auth/start`, {
          method: 'POST',
          headers,
          body: new URLSearchParams({ token }),
          redirect: 'manual',
        });
      const forgedOrigin = `http://127.0.0.1:${site.server.port}`;
      for (const [origin, status, error] of [
        [nginx.origin, 403, en('gateway.foreign_origin')],
        ['http://evil.example', 403, en('gateway.foreign_origin')],
        [forgedOrigin, 403, 'This token is not valid'],
      ] as const) {
        const response = await post({ Origin: origin }, 'A'.repeat(43));
        expect(response.status, origin).toBe(status);
        expect(await response.text(), origin).toContain(error);
        expect(response.headers.get('set-cookie'), origin).toBeNull();
      }
    });
  });
}
