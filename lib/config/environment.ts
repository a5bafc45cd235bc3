import { z } from 'zod';
import packageJson from '../../package.json' with { type: 'json' };
import { type AuthConfig, authSchema, readAuthConfig } from './authentication';
import {
  REDACTION_VARIABLES,
  type RedactionConfig,
  RedactionConfigError,
  readRedaction,
} from './redaction-rules';
import {
  choice,
  EnvError,
  flag,
  GUESSABLE_PROBLEM,
  integer,
  type IpNetwork,
  isGuessableSecret,
  isPlaceholder,
  linkTemplate,
  list,
  optional,
  parseIpNetwork,
} from './values';

/** Default time for the first results of a search; with all overhead a response takes 500 ms. */
export const SEARCH_BUDGET_MS = 350;
/** Default number of rows that an operator may change in one bulk run. */
export const BULK_OPERATOR_LIMIT = 10_000;
const LOCALES = ['en', 'ja'] as const;
/** The console's release, as in package.json. */
export const CONSOLE_VERSION = packageJson.version;
const APP_COLORS = ['grey', 'red', 'orange', 'yellow', 'green', 'blue', 'purple'] as const;
const LOOPBACK_HOSTS = ['localhost', '127.0.0.1', '::1', '[::1]'];

const timeZone = z
  .string()
  .default('')
  .transform((value, ctx) => {
    if (value === '') return null;
    try {
      return new Intl.DateTimeFormat('en', { timeZone: value }).resolvedOptions().timeZone && value;
    } catch {
      ctx.addIssue({ code: 'custom', message: 'must be an IANA time zone such as Asia/Tokyo' });
      return z.NEVER;
    }
  });

const NOT_LOOPBACK = {
  unset:
    'HOST must be localhost, 127.0.0.1 or ::1 while AUTH_MODE is unset: ' +
    'without sign-in the console serves this machine only.',
  none:
    'HOST must be localhost, 127.0.0.1 or ::1 while AUTH_MODE is none, ' +
    'unless I_KNOW_THIS_IS_OPEN=1 permits every action to everyone who can reach it.',
};

/** `npm run docs:configuration` prints the descriptions to docs/configuration.md. */
export const envSchema = authSchema.extend({
  DATABASE_URL: z
    .string({ error: 'must be set to a postgres:// URL' })
    .regex(/^postgres(ql)?:\/\//, 'must begin with postgres:// or postgresql://')
    .describe(
      '`postgres://…`; every libpq `sslmode`, `sslrootcert`, `sslcert` and `sslkey` works, and ' +
        'so does PgBouncer in transaction mode',
    ),
  DATABASE_SCHEMA: z
    .string()
    .default('')
    .transform((value) => value || 'public')
    .pipe(
      z
        .string()
        .refine((value) => Buffer.byteLength(value) <= 63, 'must be at most 63 bytes')
        .regex(/^[^\0]+$/, 'must not hold a NUL byte'),
    )
    .describe("schema of GoodJob's tables"),
  DATABASE_POOL_SIZE: integer(8, 1, 50).describe(
    'maximum number of connections, 1 to 50; bulk runs use at most half of them',
  ),
  DATABASE_CA_FILE: optional.describe(
    "certificate of the authority that signed the database's certificate; use it with " +
      '`sslmode=verify-full`',
  ),
  HOST: z
    .string()
    .default('')
    .transform((value) => value || 'localhost')
    .describe('address to listen on'),
  PORT: integer(3000, 0, 65535).describe('port to listen on'),
  SHUTDOWN_DELAY_SECONDS: integer(5, 0, 600).describe(
    'how long the server answers normally after SIGTERM, with `/readyz` at 503 ' +
      '([deployment.md](deployment.md#stopping))',
  ),
  BASE_PATH: z
    .string()
    .default('')
    .transform((value) => (value === '/' ? '' : value))
    .pipe(
      z
        .string()
        .regex(
          /^(\/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*$/,
          'must be empty or a path such as /ops/good_job, without a slash at its end',
        ),
    )
    .describe('path prefix, applied at start: `/ops/good_job`'),
  PUBLIC_URL: optional
    .transform((value, ctx) => {
      if (value === null) return null;
      const url = URL.canParse(value) ? new URL(value) : null;
      if (
        url &&
        (url.protocol === 'https:' || url.protocol === 'http:') &&
        !url.search &&
        !url.hash &&
        !url.username
      )
        return url;
      ctx.addIssue({
        code: 'custom',
        message:
          'must be an http:// or https:// URL without query, such as https://ops.example.com/good_job',
      });
      return z.NEVER;
    })
    .describe(
      'origin and prefix as browsers see them. It decides redirects, `Secure` cookies, HSTS, ' +
        'the Origin that may send changes, and the Host that is answered. Without sign-in it is ' +
        'used only if it is a loopback address',
    ),
  PROXY_STRIPS_PREFIX: flag.describe(
    '`1`: the proxy removes the prefix before it passes requests on',
  ),
  ALLOWED_HOSTS: list
    .refine(
      (hosts) => hosts.every((host) => /^[A-Za-z0-9.-]+(:\d{1,5})?$/.test(host)),
      'must be a comma list of host names, each with its port if it has one',
    )
    .describe(
      'comma list of further host names, with their port, by which the console is called. ' +
        'Addresses and `localhost` need none; where people sign in, names without a dot need ' +
        'none either',
    ),
  TRUSTED_PROXIES: list
    .transform((entries, ctx) =>
      entries.map((entry): IpNetwork => {
        const network = parseIpNetwork(entry);
        if (network) return network;
        ctx.addIssue({
          code: 'custom',
          message: `must be a comma list of addresses and networks such as 10.0.0.0/8, and has "${entry}"`,
        });
        return z.NEVER;
      }),
    )
    .describe(
      'comma list of addresses and networks (`10.0.0.0/8`, `fd00::/8`) of the proxies in front ' +
        'of the console. The rightmost address in `X-Forwarded-For` that is not one of them is ' +
        'the client, which the limit on sign-ins uses. Empty: the address of the connection',
    ),
  READ_ONLY: flag.describe('`1`: nothing can be changed'),
  METRICS_TOKEN: optional
    .refine(
      (value) => value === null || isPlaceholder(value) || /^[\x21-\x7e]{16,}$/.test(value),
      'must be at least 16 printable characters without spaces',
    )
    .refine((value) => value === null || !isGuessableSecret(value), GUESSABLE_PROBLEM)
    .describe(
      'the Bearer token of `/metrics`, 16 characters or more ([sso.md](sso.md#metrics)). ' +
        'Unset: this machine only',
    ),
  DEFAULT_LOCALE: choice(LOCALES, 'en', 'must be en or ja').describe(
    '`en` or `ja`, for a browser that accepts neither',
  ),
  TIME_ZONE: timeZone.describe(
    "IANA time zone of a viewer who has not chosen one. Unset: the browser's, and for a " +
      "browser's first page `GOOD_JOB_APP_TIME_ZONE`",
  ),
  SEARCH_BUDGET_MS: integer(SEARCH_BUDGET_MS, 50, 5000).describe(
    'how long a search that no index answers scans jobs before it shows its first results. A ' +
      'search in texts scans 100 jobs for each of these milliseconds ([search.md](search.md))',
  ),
  ATTENTION_READY_MINUTES: integer(15, 1, 10_080).describe(
    'how long a ready job may wait before `/attention` lists it',
  ),
  LIVE_FLOOR_SECONDS: integer(2, 1, 600).describe(
    'shortest polling interval, whatever a viewer chose',
  ),
  GOOD_JOB_APP_NAME: optional
    .refine(
      (value) => value === null || /^[A-Za-z0-9_.-]+$/.test(value),
      "must be the name in the app's GlobalIDs, such as my-app",
    )
    .describe(
      "the app's name in GlobalIDs (`gid://my-app/…`), for batch callbacks. Unset: read from " +
        'stored callbacks',
    ),
  GOOD_JOB_APP_LOCALE: optional
    .transform((value) => value ?? 'en')
    .describe("the app's `I18n.default_locale`, for stored jobs that lack one"),
  GOOD_JOB_APP_TIME_ZONE: optional
    .transform((value) => value ?? 'UTC')
    .describe(
      "the app's `Time.zone`, for stored jobs that lack one, and for the first page of a viewer " +
        'while `TIME_ZONE` is unset',
    ),
  GOOD_JOB_DEQUEUE_QUERY_SORT: choice(
    ['created_at', 'scheduled_at'],
    'created_at',
    'must be created_at or scheduled_at',
  ).describe('`created_at` or `scheduled_at`, as `config.good_job.dequeue_query_sort`'),
  AUDIT_REASON: choice(
    ['optional', 'required'],
    'optional',
    'must be optional or required',
  ).describe('`required`: an action without a reason is refused ([audit.md](audit.md))'),
  CRON_FILE: optional.describe(
    "the app's cron configuration (`config.good_job.cron`) as YAML or JSON, for the " +
      'schedules on `/cron_entries` ([cron.md](cron.md))',
  ),
  BULK_OPERATOR_LIMIT: integer(BULK_OPERATOR_LIMIT, 0, 200_000).describe(
    'jobs that an operator may change in one bulk run',
  ),
  WRITE_RATE_LIMIT: integer(120, 0, 100_000).describe(
    'changes of one viewer per minute; `0`: no limit',
  ),
  SEARCH_RATE_LIMIT: integer(900, 0, 100_000).describe(
    'searches of one viewer per minute; `0`: no limit',
  ),
  APP_LABEL: optional
    .refine((value) => value === null || value.length <= 40, 'must have at most 40 characters')
    .describe('name of the Rails application, for the frame, titles, dialogs and the audit'),
  APP_ENVIRONMENT: optional
    .refine((value) => value === null || value.length <= 40, 'must have at most 40 characters')
    .describe('name of its environment, such as `production`'),
  APP_COLOR: choice(APP_COLORS, 'grey', `must be one of ${APP_COLORS.join(', ')}`).describe(
    `colour of the environment in the frame: ${APP_COLORS.map((color) => `\`${color}\``).join(', ')}`,
  ),
  LINK_LOGS: linkTemplate.describe(
    "URL of a job's logs, for a link on its page: `https://logs.example.com/?q={job_id}&from={from_ms}` " +
      '([links](#links))',
  ),
  LINK_ERRORS: linkTemplate.describe('URL of the error tracker, in the same form'),
  LINK_CLASS: linkTemplate.describe(
    'URL of the source or documentation of a job class, in the same form: ' +
      '`https://git.example.com/search?q={job_class}`',
  ),
  DEMO: flag,
});

export interface Env {
  databaseUrl: string;
  databaseSchema: string;
  /** Maximum number of connections. */
  databasePoolSize: number;
  databaseCaFile: string | null;
  host: string;
  port: number;
  /** Time from SIGTERM until responses have `Connection: close`. */
  shutdownDelaySeconds: number;
  /** Empty, or a path such as `/ops/good_job` without a trailing slash. */
  basePath: string;
  /**
   * PUBLIC_URL; null if unset, or if it is not loopback and the console serves only this machine.
   */
  publicUrl: URL | null;
  proxyStripsPrefix: boolean;
  /** Host headers that are accepted besides the host of PUBLIC_URL. */
  allowedHosts: string[];
  /** Proxies whose `X-Forwarded-For` determines the client address. */
  trustedProxies: IpNetwork[];
  auth: AuthConfig;
  readOnly: boolean;
  defaultLocale: (typeof LOCALES)[number];
  /** IANA name of the time zone for viewers who have not chosen one; null: the browser's. */
  timeZone: string | null;
  searchBudgetMs: number;
  /** Minutes after which /attention reports a ready job that has not started. */
  attentionReadyMinutes: number;
  /** Minimum seconds between two automatic refreshes of a page. */
  liveFloorSeconds: number;
  appName: string | null;
  appLocale: string;
  appTimeZone: string;
  dequeueQuerySort: 'created_at' | 'scheduled_at';
  /** `required` rejects actions without a reason. */
  auditReason: 'optional' | 'required';
  cronFile: string | null;
  /** Bearer token for /metrics; null: only this machine may read it. */
  metricsToken: string | null;
  /** Larger bulk runs need the permission `bulk.large`. */
  bulkOperatorLimit: number;
  /** Requests per minute and viewer; 0: no limit. */
  writeRateLimit: number;
  searchRateLimit: number;
  redaction: RedactionConfig;
  /** The application's name and environment; null if unset. */
  appLabel: string | null;
  appEnvironment: string | null;
  appColor: (typeof APP_COLORS)[number];
  /** Templates of the links on the page of a job; null if unset. */
  links: { logs: string | null; errors: string | null; class: string | null };
  /** Every page says that the data is not real. */
  demo: boolean;
}

/** Parses the configuration; throws EnvError with one sentence for the first invalid value. */
export function readEnv(source: Record<string, string | undefined>): Env {
  const parsed = envSchema.safeParse(source);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new EnvError(
      `${String(issue?.path[0] ?? 'The configuration')} ${issue?.message ?? 'is not valid'}.`,
    );
  }
  const vars = parsed.data;
  const publicPath = vars.PUBLIC_URL?.pathname.replace(/\/$/, '');
  if (publicPath !== undefined && publicPath !== vars.BASE_PATH)
    throw new EnvError(
      `PUBLIC_URL must have the path of BASE_PATH ("${vars.BASE_PATH || '/'}"), and has "${publicPath || '/'}".`,
    );
  const auth = readAuthConfig(vars, vars.PUBLIC_URL);
  // Without sign-in the gateway accepts only loopback hosts.
  const isLoopbackOnly = auth.mode === 'none' && !auth.isOpen;
  if (isLoopbackOnly && !LOOPBACK_HOSTS.includes(vars.HOST))
    throw new EnvError(NOT_LOOPBACK[vars.AUTH_MODE === null ? 'unset' : 'none']);
  return {
    databaseUrl: vars.DATABASE_URL,
    databaseSchema: vars.DATABASE_SCHEMA,
    databasePoolSize: vars.DATABASE_POOL_SIZE,
    databaseCaFile: vars.DATABASE_CA_FILE,
    host: vars.HOST,
    port: vars.PORT,
    shutdownDelaySeconds: vars.SHUTDOWN_DELAY_SECONDS,
    basePath: vars.BASE_PATH,
    publicUrl: isLoopbackOnly && !isLoopbackUrl(vars.PUBLIC_URL) ? null : vars.PUBLIC_URL,
    proxyStripsPrefix: vars.PROXY_STRIPS_PREFIX,
    allowedHosts: vars.ALLOWED_HOSTS.map((host) => host.toLowerCase()),
    trustedProxies: vars.TRUSTED_PROXIES,
    auth,
    readOnly: vars.READ_ONLY,
    defaultLocale: vars.DEFAULT_LOCALE,
    timeZone: vars.TIME_ZONE,
    searchBudgetMs: vars.SEARCH_BUDGET_MS,
    attentionReadyMinutes: vars.ATTENTION_READY_MINUTES,
    liveFloorSeconds: vars.LIVE_FLOOR_SECONDS,
    appName: vars.GOOD_JOB_APP_NAME,
    appLocale: vars.GOOD_JOB_APP_LOCALE,
    appTimeZone: vars.GOOD_JOB_APP_TIME_ZONE,
    dequeueQuerySort: vars.GOOD_JOB_DEQUEUE_QUERY_SORT,
    auditReason: vars.AUDIT_REASON,
    cronFile: vars.CRON_FILE,
    metricsToken: vars.METRICS_TOKEN,
    bulkOperatorLimit: vars.BULK_OPERATOR_LIMIT,
    writeRateLimit: vars.WRITE_RATE_LIMIT,
    searchRateLimit: vars.SEARCH_RATE_LIMIT,
    redaction: redactionOf(source),
    appLabel: vars.APP_LABEL,
    appEnvironment: vars.APP_ENVIRONMENT,
    appColor: vars.APP_COLOR,
    links: { logs: vars.LINK_LOGS, errors: vars.LINK_ERRORS, class: vars.LINK_CLASS },
    demo: vars.DEMO,
  };
}

function isLoopbackUrl(url: URL | null): boolean {
  return url !== null && /^(localhost|127\.0\.0\.1|\[::1\])$/.test(url.hostname);
}

/** Names of all environment variables that the console reads. */
export const ENV_NAMES = [...Object.keys(envSchema.shape), ...Object.keys(REDACTION_VARIABLES)];

function redactionOf(source: Record<string, string | undefined>): RedactionConfig {
  try {
    return readRedaction(source);
  } catch (error) {
    throw error instanceof RedactionConfigError ? new EnvError(`${error.message}.`) : error;
  }
}

let cachedEnv: Env | undefined;

/** Returns the configuration of this process, parsed once. Throws EnvError for an invalid value. */
export function env(): Env {
  cachedEnv ??= readEnv(process.env);
  return cachedEnv;
}
