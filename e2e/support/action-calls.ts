import type { BuiltAction } from './built-doors';
import { type ActionCall, ROUTES, type Rows } from './permission-matrix';
import type { Site } from './site';

/** The path of the page that an action is posted to. */
export function pageOf({ page }: BuiltAction, rows: Rows): string {
  return ROUTES[page]?.path(rows) ?? page;
}

/** Posts a Server Action to `url` as a page does, with and without JavaScript. */
export async function callAction(
  url: string,
  { id }: BuiltAction,
  given: ActionCall,
  headers: Record<string, string>,
): Promise<{ status: number; text: string }> {
  const sent: Record<string, string> = { ...headers };
  let body: string | FormData;
  if ('args' in given) {
    Object.assign(sent, {
      'Next-Action': id,
      'Content-Type': 'text/plain;charset=UTF-8',
      Accept: 'text/x-component',
    });
    body = JSON.stringify(given.args);
  } else if ('stateForm' in given) {
    Object.assign(sent, { 'Next-Action': id, Accept: 'text/x-component' });
    body = new FormData();
    for (const [name, value] of Object.entries(given.stateForm)) body.set(`_1_${name}`, value); // as React’s client names them
    body.set('0', '[null,"$K1"]');
  } else {
    body = new FormData();
    body.set(`$ACTION_ID_${id}`, '');
    for (const [name, value] of Object.entries(given.form)) body.set(name, value);
  }
  const answer = await fetch(url, { method: 'POST', headers: sent, body, redirect: 'manual' });
  return {
    status: answer.status,
    text: `${answer.headers.get('location') ?? ''}\n${await answer.text()}`,
  };
}

/** Everything but the record of who tried what. */
export async function fingerprint(site: Site): Promise<string> {
  const { rows: tables } = await site.db.query<{ name: string }>(
    `SELECT format('%I.%I', schemaname, tablename) AS name FROM pg_tables WHERE schemaname IN ('public', 'good_job_console') AND tablename <> 'audit_events' ORDER BY 1`,
  );
  const parts = tables.map(
    ({ name }) =>
      `SELECT md5(coalesce(string_agg(t::text, ';' ORDER BY t::text), '')) AS sum FROM ${name} t`,
  );
  const { rows: sums } = await site.db.query<{ sum: string }>(parts.join(' UNION ALL '));
  return sums.map(({ sum }) => sum).join();
}
