import { PERMISSIONS, type Permission } from '../lib/auth/roles';
import { ROLES } from '../lib/config/roles';
import { ACCOUNTS, ROLE_ENV } from './support/accounts';
import { callAction, fingerprint, pageOf } from './support/action-calls';
import { builtActions, builtRoutes, exportedActions, writingRoutes } from './support/built-doors';
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
 * Every Server Action, every route and every page, by everybody, with and without READ_ONLY: really called, as a
 * browser behind the proxy would, on the built server and a real database.
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
const open = useSite('matrix', { env, seed: async (db) => void (rows = await insertRows(db)) });
const readOnly = useSite('matrix read-only', {
  env: { ...env, READ_ONLY: '1' },
  seed: async (db) => void (readOnlyRows = await insertRows(db)),
});

/** `forged` names an admin without the proxy's secret; `none` came through the proxy and signed in nowhere. */
const WHO = ['forged', 'none', 'nobody', ...ROLES] as const;
type Who = (typeof WHO)[number];
const isRole = (who: Who): who is (typeof ROLES)[number] => ROLES.some((role) => role === who);

function headersOf(who: Who): Record<string, string> {
  if (who === 'forged')
    return {
      'X-Forwarded-User': 'admin',
      'X-Forwarded-Groups': 'admins',
      'X-Auth-Proxy-Secret': 'x'.repeat(SECRET.length),
    };
  const account = ACCOUNTS.find(({ name }) => name === who);
  return {
    'X-Auth-Proxy-Secret': SECRET,
    ...(account
      ? { 'X-Forwarded-User': account.name, 'X-Forwarded-Groups': account.groups.join(',') }
      : {}),
  };
}

/** What everybody sees instead of an answer; null: they are let in. */
const turnedAway = (who: Who) =>
  who === 'forged' || who === 'none' ? 401 : who === 'nobody' ? 403 : null;

function denied(
  who: Who,
  permission: Permission | null,
  isReadOnly: boolean,
): 'read_only' | 'forbidden' | null {
  if (permission === null || !isRole(who)) return null;
  if (isReadOnly) return 'read_only';
  return ROLES.indexOf(who) >= ROLES.indexOf(PERMISSIONS[permission]) ? null : 'forbidden';
}

test('every action, route and page has a line in the matrix, and the matrix has none for what is gone', () => {
  expect(Object.keys(ACTIONS).sort()).toEqual(exportedActions().sort());
  expect(exportedActions()).toEqual(expect.arrayContaining([...builtActions().keys()]));
  expect(Object.keys(ROUTES).sort()).toEqual(builtRoutes().sort());
  // A Server Action cannot stream a file.
  expect(writingRoutes(), 'a change has one endpoint, a Server Action').toEqual([
    'POST app/api/jobs/[id]/download/route.ts',
  ]);
});

for (const [name, cases] of Object.entries(ACTIONS)) {
  for (const one of cases) {
    test(`${name}, ${one.name}: needs ${one.permission ?? 'to be let in'}`, async () => {
      const action = builtActions().get(name);
      if (!action) throw new Error(`No page uses ${name}.`);
      for (const site of [open, readOnly]) {
        const isReadOnly = site === readOnly;
        for (const who of WHO) {
          const label = `${who}${isReadOnly ? ', READ_ONLY=1' : ''}`;
          const given = await one.given(site.db);
          const before = await fingerprint(site);
          const { status, text } = await callAction(
            site.url(pageOf(action, isReadOnly ? readOnlyRows : rows)),
            action,
            given,
            { ...headersOf(who), Origin: site.server.origin },
          );
          const refusal = denied(who, one.permission, isReadOnly);
          const away = turnedAway(who);
          if (away !== null) expect(status, label).toBe(away);
          else expect(status, `${label}: ${text.slice(0, 300)}`).toBeLessThan(400);
          if (refusal)
            expect(
              text.includes(refusal) || text.includes(en(`errors.${refusal}`)),
              `${label}: ${refusal}: ${text.slice(0, 1500)}`,
            ).toBe(true);
          if (away !== null || refusal || one.permission === null || one.shows)
            expect(await fingerprint(site), `${label}: nothing is changed`).toBe(before);
          else
            expect(
              await fingerprint(site),
              `${label}: it is done (${text.slice(0, 300)})`,
            ).not.toBe(before);
        }
      }
    });
  }
}

test('POST /api/jobs/[id]/download: needs argument.reveal and a reason', async () => {
  for (const site of [open, readOnly]) {
    const { job } = site === readOnly ? readOnlyRows : rows;
    for (const who of WHO)
      for (const reason of ['an incident', '']) {
        const body = new FormData();
        body.set('part', 'payload');
        body.set('reason', reason);
        const answer = await fetch(site.url(`/api/jobs/${job}/download`), {
          method: 'POST',
          headers: { ...headersOf(who), Origin: site.server.origin },
          body,
        });
        const text = await answer.text();
        const isDenied = denied(who, 'argument.reveal', site === readOnly) !== null;
        const allowed = reason ? 200 : 400;
        const label = `${who}, ${reason || 'no reason'}: ${text.slice(0, 200)}`;
        expect(answer.status, label).toBe(turnedAway(who) ?? (isDenied ? 403 : allowed));
        expect(text.includes(job), label).toBe(answer.status === 200);
      }
  }
});

for (const [pattern, { path, anybody, permission = null, status = 200 }] of Object.entries(
  ROUTES,
)) {
  test(`${pattern}: ${anybody ? 'for anybody' : permission ? `needs ${permission}` : 'needs to be let in'}`, async () => {
    for (const site of [open, readOnly]) {
      const before = await fingerprint(site);
      const address = site.url(path(site === readOnly ? readOnlyRows : rows));
      for (const who of WHO) {
        const expected = anybody
          ? status
          : (turnedAway(who) ?? (denied(who, permission, site === readOnly) ? 403 : status));
        const answer = await fetch(address, { headers: headersOf(who), redirect: 'manual' });
        const text = await answer.text();
        // `/` leads to `/jobs`.
        expect(
          pattern === '/' && expected === 200 ? [200, 307, 308] : [expected],
          `${who} ${address}: ${text.slice(0, 300)}`,
        ).toContain(answer.status);
        if (expected >= 400)
          for (const id of Object.values(site === readOnly ? readOnlyRows : rows) as string[])
            if (!address.includes(id)) expect(text, `${who} ${address}`).not.toContain(id);
        const post = await fetch(address, {
          method: 'POST',
          headers: { ...headersOf(who), Origin: site.server.origin },
          redirect: 'manual',
        });
        await post.arrayBuffer();
        if (pattern.startsWith('/api/'))
          expect(post.status, `POST by ${who}`).toBeGreaterThanOrEqual(400);
      }
      expect(await fingerprint(site), 'looking changes nothing').toBe(before);
    }
  });
}

for (const { path } of GATEWAY_ROUTES) {
  test(`${path}: an endpoint of the mode without sign-in, and an unknown address of this one`, async () => {
    for (const who of WHO) {
      const answer = await fetch(open.url(path), { headers: headersOf(who), redirect: 'manual' });
      await answer.arrayBuffer();
      expect(answer.status, who).toBe(turnedAway(who) ?? 404);
      const post = await fetch(open.url(path), {
        method: 'POST',
        headers: { ...headersOf(who), Origin: open.server.origin },
        body: new URLSearchParams({ token: 'A'.repeat(43) }),
        redirect: 'manual',
      });
      await post.arrayBuffer();
      expect(post.headers.get('set-cookie'), who).toBeNull();
    }
  });
}
