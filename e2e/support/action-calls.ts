import type { BuiltAction } from './built-endpoints';
import { type ActionCall, ROUTES, type Rows } from './permission-matrix';
import type { Site } from './site';
import { expect } from './test';

/** The path of the page that an action is posted to. */
export function actionPagePath({ page }: BuiltAction, rows: Rows): string {
  return ROUTES[page]?.path(rows) ?? page;
}

/** Posts a Server Action to `url` as a page does, with and without JavaScript. */
export async function callAction(
  url: string,
  { id }: BuiltAction,
  call: ActionCall,
  headers: Record<string, string>,
): Promise<{ status: number; text: string }> {
  const requestHeaders: Record<string, string> = { ...headers };
  let body: string | FormData;
  if ('args' in call) {
    Object.assign(requestHeaders, {
      'Next-Action': id,
      'Content-Type': 'text/plain;charset=UTF-8',
      Accept: 'text/x-component',
    });
    body = JSON.stringify(call.args);
  } else if ('stateForm' in call) {
    Object.assign(requestHeaders, { 'Next-Action': id, Accept: 'text/x-component' });
    body = new FormData();
    // React's client prefixes the names of the fields.
    for (const [name, value] of Object.entries(call.stateForm)) body.set(`_1_${name}`, value);
    body.set('0', '[null,"$K1"]');
  } else {
    body = new FormData();
    body.set(`$ACTION_ID_${id}`, '');
    for (const [name, value] of Object.entries(call.form)) body.set(name, value);
  }
  const response = await fetch(url, {
    method: 'POST',
    headers: requestHeaders,
    body,
    redirect: 'manual',
  });
  return {
    status: response.status,
    text: `${response.headers.get('location') ?? ''}\n${await response.text()}`,
  };
}

/** The number of bulk runs that a server executes: the lease of a planted run is longer. */
async function countActiveRuns(site: Site): Promise<number> {
  const table = 'good_job_console.bulk_runs';
  if ((await site.value<string | null>('SELECT to_regclass($1)::text', table)) === null) return 0;
  return site.value<number>(
    `SELECT count(*)::int
       FROM ${table}
      WHERE state = 'running'
        AND lease_expires_at < now() + interval '30 minutes'`,
  );
}

/**
 * A checksum of all tables except the audit log. It waits for bulk runs, because a running one
 * changes the tables.
 */
export async function tablesChecksum(site: Site): Promise<string> {
  await expect.poll(() => countActiveRuns(site)).toBe(0);
  const { rows: tables } = await site.db.query<{ name: string }>(
    `SELECT format('%I.%I', schemaname, tablename) AS name
      FROM pg_tables
      WHERE schemaname IN ('public', 'good_job_console') AND tablename <> 'audit_events'
      ORDER BY 1`,
  );
  const parts = tables.map(
    ({ name }) =>
      `SELECT md5(coalesce(string_agg(t::text, ';' ORDER BY t::text), '')) AS sum FROM ${name} t`,
  );
  const { rows: sums } = await site.db.query<{ sum: string }>(parts.join(' UNION ALL '));
  return sums.map(({ sum }) => sum).join();
}
