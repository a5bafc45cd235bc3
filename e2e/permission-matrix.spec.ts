import { PERMISSIONS, type Permission } from '../lib/auth/roles';
import { ROLES } from '../lib/config/authentication';
import { ACCOUNTS, ROLE_ENV } from './support/accounts';
import { callAction, tablesChecksum, actionPagePath } from './support/action-calls';
import {
  builtActions,
  builtRoutes,
  exportedActions,
  writingRoutes,
} from './support/built-endpoints';
import { en } from './support/messages';
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
 * Calls every Server Action, route and page in every role, with and without READ_ONLY, on the built
 * server behind a sign-in proxy.
 */
const SECRET = 'the-secret-of-the-proxy-and-the-console';
const env = {
  AUTH_MODE: 'proxy-header',
  AUTH_PROXY_SECRET: SECRET,
  ...ROLE_ENV,
  WRITE_RATE_LIMIT: '0',
  SEARCH_RATE_LIMIT: '0',
};
let rows: Rows;
let readOnlyRows: Rows;
const writableSite = useSite('matrix', {
  env,
  seed: async (db) => {
    rows = await insertRows(db);
  },
});
const readOnlySite = useSite('matrix read-only', {
  env: { ...env, READ_ONLY: '1' },
  seed: async (db) => {
    readOnlyRows = await insertRows(db);
  },
});

/**
 * `forged` claims to be an admin without the proxy's secret; `none` passed the proxy without a
 * sign-in.
 */
const VIEWERS = ['forged', 'none', 'nobody', ...ROLES] as const;
type Viewer = (typeof VIEWERS)[number];
const isRole = (viewer: Viewer): viewer is (typeof ROLES)[number] =>
  ROLES.some((role) => role === viewer);

function headersOf(viewer: Viewer): Record<string, string> {
  if (viewer === 'forged')
    return {
      'X-Forwarded-User': 'admin',
      'X-Forwarded-Groups': 'admins',
      'X-Auth-Proxy-Secret': 'x'.repeat(SECRET.length),
    };
  const account = ACCOUNTS.find(({ name }) => name === viewer);
  return {
    'X-Auth-Proxy-Secret': SECRET,
    ...(account
      ? { 'X-Forwarded-User': account.name, 'X-Forwarded-Groups': account.groups.join(',') }
      : {}),
  };
}

/** The HTTP status with which the gateway rejects a viewer, or null. */
function gatewayStatus(viewer: Viewer): 401 | 403 | null {
  if (viewer === 'forged' || viewer === 'none') return 401;
  return viewer === 'nobody' ? 403 : null;
}

function denialOf(
  viewer: Viewer,
  permission: Permission | null,
  isReadOnly: boolean,
): 'read_only' | 'forbidden' | null {
  if (permission === null || !isRole(viewer)) return null;
  if (isReadOnly) return 'read_only';
  return ROLES.indexOf(viewer) >= ROLES.indexOf(PERMISSIONS[permission]) ? null : 'forbidden';
}

test('the matrix lists exactly the actions, routes and pages of the build', () => {
  expect(Object.keys(ACTIONS).sort()).toEqual(exportedActions().sort());
  expect(exportedActions()).toEqual(expect.arrayContaining([...builtActions().keys()]));
  expect(Object.keys(ROUTES).sort()).toEqual(builtRoutes().sort());
  // A Server Action cannot stream a file.
  expect(writingRoutes(), 'changes are Server Actions').toEqual([
    'POST app/api/jobs/[id]/download/route.ts',
  ]);
});

for (const [name, cases] of Object.entries(ACTIONS)) {
  for (const actionCase of cases) {
    test(`${name}, ${actionCase.name}: requires ${actionCase.permission ?? 'a role'}`, async () => {
      const action = builtActions().get(name);
      if (!action) throw new Error(`No page uses ${name}.`);
      for (const site of [writableSite, readOnlySite]) {
        const isReadOnly = site === readOnlySite;
        for (const viewer of VIEWERS) {
          const label = `${viewer}${isReadOnly ? ', READ_ONLY=1' : ''}`;
          const call = await actionCase.prepare(site.db);
          const before = await tablesChecksum(site);
          const { status, text } = await callAction(
            site.url(actionPagePath(action, isReadOnly ? readOnlyRows : rows)),
            action,
            call,
            { ...headersOf(viewer), Origin: site.server.origin },
          );
          const refusal = denialOf(viewer, actionCase.permission, isReadOnly);
          const rejection = gatewayStatus(viewer);
          if (rejection !== null) expect(status, label).toBe(rejection);
          else expect(status, `${label}: ${text.slice(0, 300)}`).toBeLessThan(400);
          if (refusal)
            expect(
              text.includes(refusal) || text.includes(en(`errors.${refusal}`)),
              `${label}: ${refusal}: ${text.slice(0, 1500)}`,
            ).toBe(true);
          if (
            rejection !== null ||
            refusal ||
            actionCase.permission === null ||
            actionCase.isReadOnly
          )
            expect(await tablesChecksum(site), `${label}: nothing changes`).toBe(before);
          else
            expect(
              await tablesChecksum(site),
              `${label}: the action runs (${text.slice(0, 300)})`,
            ).not.toBe(before);
        }
      }
    });
  }
}

test('POST /api/jobs/[id]/download: requires argument.reveal and a reason', async () => {
  for (const site of [writableSite, readOnlySite]) {
    const { job } = site === readOnlySite ? readOnlyRows : rows;
    for (const viewer of VIEWERS)
      for (const reason of ['an incident', '']) {
        const body = new FormData();
        body.set('part', 'payload');
        body.set('reason', reason);
        const response = await fetch(site.url(`/api/jobs/${job}/download`), {
          method: 'POST',
          headers: { ...headersOf(viewer), Origin: site.server.origin },
          body,
        });
        const text = await response.text();
        const isDenied = denialOf(viewer, 'argument.reveal', site === readOnlySite) !== null;
        const allowed = reason ? 200 : 400;
        const label = `${viewer}, ${reason || 'no reason'}: ${text.slice(0, 200)}`;
        expect(response.status, label).toBe(gatewayStatus(viewer) ?? (isDenied ? 403 : allowed));
        expect(text.includes(job), label).toBe(response.status === 200);
      }
  }
});

for (const [pattern, { path, isPublic, permission = null, status = 200 }] of Object.entries(
  ROUTES,
)) {
  const requirement = isPublic ? 'is public' : `requires ${permission ?? 'a role'}`;
  test(`${pattern}: ${requirement}`, async () => {
    for (const site of [writableSite, readOnlySite]) {
      const before = await tablesChecksum(site);
      const address = site.url(path(site === readOnlySite ? readOnlyRows : rows));
      for (const viewer of VIEWERS) {
        const expected = isPublic
          ? status
          : (gatewayStatus(viewer) ??
            (denialOf(viewer, permission, site === readOnlySite) ? 403 : status));
        const response = await fetch(address, { headers: headersOf(viewer), redirect: 'manual' });
        const text = await response.text();
        expect(response.status, `${viewer} ${address}: ${text.slice(0, 300)}`).toBe(expected);
        if (expected >= 400)
          for (const id of Object.values(site === readOnlySite ? readOnlyRows : rows) as string[])
            if (!address.includes(id)) expect(text, `${viewer} ${address}`).not.toContain(id);
        const post = await fetch(address, {
          method: 'POST',
          headers: { ...headersOf(viewer), Origin: site.server.origin },
          redirect: 'manual',
        });
        await post.arrayBuffer();
        if (pattern.startsWith('/api/'))
          expect(post.status, `POST by ${viewer}`).toBeGreaterThanOrEqual(400);
      }
      expect(await tablesChecksum(site), 'reading changes nothing').toBe(before);
    }
  });
}

for (const { path } of GATEWAY_ROUTES) {
  test(`${path}: answers 404 behind a sign-in proxy`, async () => {
    for (const viewer of VIEWERS) {
      const response = await fetch(writableSite.url(path), {
        headers: headersOf(viewer),
        redirect: 'manual',
      });
      await response.arrayBuffer();
      expect(response.status, viewer).toBe(gatewayStatus(viewer) ?? 404);
      const post = await fetch(writableSite.url(path), {
        method: 'POST',
        headers: { ...headersOf(viewer), Origin: writableSite.server.origin },
        body: new URLSearchParams({ token: 'A'.repeat(43) }),
        redirect: 'manual',
      });
      await post.arrayBuffer();
      expect(post.headers.get('set-cookie'), viewer).toBeNull();
    }
  });
}
