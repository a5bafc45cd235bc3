import { builtActions } from './built-endpoints';
import type { Site, SiteOptions } from './site';

const SECRET = 'the-secret-of-the-proxy-and-the-console';
const METRICS_TOKEN = 'a-token-of-the-browser-tests';
export const proxyHeaders = {
  'X-Auth-Proxy-Secret': SECRET,
  'X-Forwarded-User': 'admin',
  'X-Forwarded-Groups': 'admins',
};

/** A console behind a sign-in proxy, without a limit of writes. */
export const BEHIND_PROXY: SiteOptions = {
  env: {
    AUTH_MODE: 'proxy-header',
    AUTH_PROXY_SECRET: SECRET,
    ROLE_ADMINS: 'group:admins',
    METRICS_TOKEN,
    WRITE_RATE_LIMIT: '0',
  },
};

/** The id of a Server Action in the build; `name` is its file and its export. */
export const serverActionId = (name: string) => builtActions().get(name)?.id ?? '';
export const CHANGE_JOB = 'lib/jobs/actions.ts#changeJob';

/** Functions that send requests for actions to a site with the options BEHIND_PROXY. */
export function actionRequests(site: Site) {
  async function post(
    path: string,
    headers: Record<string, string>,
    body: string | Uint8Array<ArrayBuffer> | FormData,
  ) {
    const answer = await fetch(site.url(path), {
      method: 'POST',
      headers: { ...proxyHeaders, Origin: site.server.origin, ...headers },
      body,
      redirect: 'manual',
    });
    return { status: answer.status, headers: answer.headers, text: await answer.text() };
  }

  /** Calls an action as React's client does. */
  const call = (
    path: string,
    id: string,
    body: string | FormData,
    type = 'text/plain;charset=UTF-8',
  ) =>
    post(
      path,
      {
        'Next-Action': id,
        Accept: 'text/x-component',
        ...(typeof body === 'string' ? { 'Content-Type': type } : {}),
      },
      body,
    );

  /** The number of requests that reached the console, except those for metrics. */
  async function countRequests(): Promise<number> {
    const answer = await fetch(site.url('/metrics'), {
      headers: { Authorization: `Bearer ${METRICS_TOKEN}` },
    });
    const lines = (await answer.text()).split('\n');
    return lines
      .filter((line) => line.startsWith('good_job_console_http_requests_total{'))
      .filter((line) => !line.includes('"metrics"'))
      .reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0);
  }

  return { post, call, countRequests };
}
