import { z } from 'zod';
import { type IpNetwork, parseIpNetwork } from '../core/ip-address';
import { type AuthConfig, authSchema, readAuthConfig } from './authentication';
import {
  REDACTION_NAMES,
  type RedactionConfig,
  RedactionConfigError,
  readRedaction,
} from './redaction-rules';
import { GUESSABLE, isGuessableSecret, isPlaceholder } from './secret-strength';
import { EnvError, flag, choice, optional, integer, list } from './values';

/** What a first answer is given, with what is around it half a second. */
export const SEARCH_BUDGET_MS = 350;
/** What an operator may change in one run. */
export const BULK_OPERATOR_LIMIT = 10_000;
const LOCALES = ['en', 'ja'] as const;
const LOOPBACK_HOSTS = ['localhost', '127.0.0.1', '::1', '[::1]'];

const timeZone = z
  .string()
  .default('')
  .transform((value, ctx) => {
    if (value === '') return 'UTC';
    try {
      return new Intl.DateTimeFormat('en', { timeZone: value }).resolvedOptions().timeZone && value;
    } catch {
      ctx.addIssue({ code: 'custom', message: 'must be an IANA time zone such as Asia/Tokyo' });
      return z.NEVER;
    }
  });

const NOT_LOOPBACK = {
  unset:
    'HOST must be localhost, 127.0.0.1 or ::1 while AUTH_MODE is unset: without sign-in the console serves this machine only.',
  none: 'HOST must be localhost, 127.0.0.1 or ::1 while AUTH_MODE is none, unless I_KNOW_THIS_IS_OPEN=1 says that anybody who reaches it may do anything.',
};

const schema = authSchema.extend({
  DATABASE_URL: z
    .string({ error: 'must be set to a postgres:// URL' })
    .regex(/^postgres(ql)?:\/\//, 'must begin with postgres:// or postgresql://'),
  DATABASE_SCHEMA: z
    .string()
    .default('')
    .transform((value) => value || 'public')
    .pipe(
      z
        .string()
        .refine((value) => Buffer.byteLength(value) <= 63, 'must be at most 63 bytes')
        .regex(/^[^\0]+$/, 'must not hold a NUL byte'),
    ),
  DATABASE_POOL_SIZE: integer(8, 1, 50),
  DATABASE_CA_FILE: optional,
  HOST: z
    .string()
    .default('')
    .transform((value) => value || 'localhost'),
  PORT: integer(3000, 0, 65535),
  SHUTDOWN_DELAY_SECONDS: integer(5, 0, 600),
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
    ),
  PUBLIC_URL: optional.transform((value, ctx) => {
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
  }),
  PROXY_STRIPS_PREFIX: flag,
  ALLOWED_HOSTS: list.refine(
    (hosts) => hosts.every((host) => /^[A-Za-z0-9.-]+(:\d{1,5})?$/.test(host)),
    'must be a comma list of host names, each with its port if it has one',
  ),
  TRUSTED_PROXIES: list.transform((entries, ctx) =>
    entries.map((entry): IpNetwork => {
      const network = parseIpNetwork(entry);
      if (network) return network;
      ctx.addIssue({
        code: 'custom',
        message: `must be a comma list of addresses and networks such as 10.0.0.0/8, and has "${entry}"`,
      });
      return z.NEVER;
    }),
  ),
  READ_ONLY: flag,
  METRICS_TOKEN: optional
    .refine(
      (value) => value === null || isPlaceholder(value) || /^[\x21-\x7e]{16,}$/.test(value),
      'must be at least 16 printable characters without spaces',
    )
    .refine((value) => value === null || !isGuessableSecret(value), GUESSABLE),
  DEFAULT_LOCALE: choice(LOCALES, 'en', 'must be en or ja'),
  TIME_ZONE: timeZone,
  SEARCH_BUDGET_MS: integer(SEARCH_BUDGET_MS, 50, 5000),
  ATTENTION_READY_MINUTES: integer(15, 1, 10_080),
  LIVE_FLOOR_SECONDS: integer(2, 1, 600),
  GOOD_JOB_APP_NAME: optional.refine(
    (value) => value === null || /^[A-Za-z0-9_.-]+$/.test(value),
    "must be the name in the app's GlobalIDs, such as my-app",
  ),
  GOOD_JOB_APP_LOCALE: optional.transform((value) => value ?? 'en'),
  GOOD_JOB_APP_TIME_ZONE: optional.transform((value) => value ?? 'UTC'),
  GOOD_JOB_DEQUEUE_QUERY_SORT: choice(
    ['created_at', 'scheduled_at'],
    'created_at',
    'must be created_at or scheduled_at',
  ),
  AUDIT_REASON: choice(['optional', 'required'], 'optional', 'must be optional or required'),
  CRON_FILE: optional,
  BULK_OPERATOR_LIMIT: integer(BULK_OPERATOR_LIMIT, 0, 200_000),
  WRITE_RATE_LIMIT: integer(120, 0, 100_000),
  SEARCH_RATE_LIMIT: integer(900, 0, 100_000),
  DEMO: flag,
});

export interface Env {
  databaseUrl: string;
  databaseSchema: string;
  /** Connections at most. */
  databasePoolSize: number;
  databaseCaFile: string | null;
  host: string;
  port: number;
  /** From SIGTERM until responses carry `Connection: close`. */
  shutdownDelaySeconds: number;
  /** '' or `/ops/good_job`: no slash at the end. */
  basePath: string;
  /** null, too, where the console is for this machine alone and PUBLIC_URL is no name of its own. */
  publicUrl: URL | null;
  proxyStripsPrefix: boolean;
  /** Names besides that of PUBLIC_URL by which a proxy calls the console. */
  allowedHosts: string[];
  /** Whose `X-Forwarded-For` says where a request comes from. */
  trustedProxies: IpNetwork[];
  auth: AuthConfig;
  readOnly: boolean;
  defaultLocale: (typeof LOCALES)[number];
  /** IANA name: how times are shown to a viewer who has chosen none. */
  timeZone: string;
  searchBudgetMs: number;
  /** Minutes that a ready job may wait before /attention says so. */
  attentionReadyMinutes: number;
  /** Seconds: no page refreshes by itself more often. */
  liveFloorSeconds: number;
  appName: string | null;
  appLocale: string;
  appTimeZone: string;
  dequeueQuerySort: 'created_at' | 'scheduled_at';
  /** Whether an act without a reason is refused. */
  auditReason: 'optional' | 'required';
  cronFile: string | null;
  /** What /metrics asks for as a Bearer token; null: only this machine may read it. */
  metricsToken: string | null;
  /** A bulk run of more rows needs the permission `bulk.large`. */
  bulkOperatorLimit: number;
  /** Requests a minute of one viewer; 0: no limit. */
  writeRateLimit: number;
  searchRateLimit: number;
  redaction: RedactionConfig;
  /** The data are made up: say so on every page. */
  demo: boolean;
}

/** Reads and validates the whole configuration; throws EnvError with one sentence for the first bad value. */
export function readEnv(source: Record<string, string | undefined>): Env {
  const parsed = schema.safeParse(source);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw new EnvError(
      `${String(issue?.path[0] ?? 'The configuration')} ${issue?.message ?? 'is not valid'}.`,
    );
  }
  const e = parsed.data;
  const publicPath = e.PUBLIC_URL?.pathname.replace(/\/$/, '');
  if (publicPath !== undefined && publicPath !== e.BASE_PATH)
    throw new EnvError(
      `PUBLIC_URL must have the path of BASE_PATH ("${e.BASE_PATH || '/'}"), and has "${publicPath || '/'}".`,
    );
  const auth = readAuthConfig(e, e.PUBLIC_URL);
  // Such a console answers the loopback names alone, and opens with a link of one.
  const isForThisMachine = auth.mode === 'none' && !auth.open;
  if (isForThisMachine && !LOOPBACK_HOSTS.includes(e.HOST))
    throw new EnvError(NOT_LOOPBACK[e.AUTH_MODE === null ? 'unset' : 'none']);
  return {
    databaseUrl: e.DATABASE_URL,
    databaseSchema: e.DATABASE_SCHEMA,
    databasePoolSize: e.DATABASE_POOL_SIZE,
    databaseCaFile: e.DATABASE_CA_FILE,
    host: e.HOST,
    port: e.PORT,
    shutdownDelaySeconds: e.SHUTDOWN_DELAY_SECONDS,
    basePath: e.BASE_PATH,
    publicUrl: isForThisMachine && !isLoopbackUrl(e.PUBLIC_URL) ? null : e.PUBLIC_URL,
    proxyStripsPrefix: e.PROXY_STRIPS_PREFIX,
    allowedHosts: e.ALLOWED_HOSTS.map((host) => host.toLowerCase()),
    trustedProxies: e.TRUSTED_PROXIES,
    auth,
    readOnly: e.READ_ONLY,
    defaultLocale: e.DEFAULT_LOCALE,
    timeZone: e.TIME_ZONE,
    searchBudgetMs: e.SEARCH_BUDGET_MS,
    attentionReadyMinutes: e.ATTENTION_READY_MINUTES,
    liveFloorSeconds: e.LIVE_FLOOR_SECONDS,
    appName: e.GOOD_JOB_APP_NAME,
    appLocale: e.GOOD_JOB_APP_LOCALE,
    appTimeZone: e.GOOD_JOB_APP_TIME_ZONE,
    dequeueQuerySort: e.GOOD_JOB_DEQUEUE_QUERY_SORT,
    auditReason: e.AUDIT_REASON,
    cronFile: e.CRON_FILE,
    metricsToken: e.METRICS_TOKEN,
    bulkOperatorLimit: e.BULK_OPERATOR_LIMIT,
    writeRateLimit: e.WRITE_RATE_LIMIT,
    searchRateLimit: e.SEARCH_RATE_LIMIT,
    redaction: redactionOf(source),
    demo: e.DEMO,
  };
}

function isLoopbackUrl(url: URL | null): boolean {
  return url !== null && /^(localhost|127\.0\.0\.1|\[::1\])$/.test(url.hostname);
}

/** The names of all variables. */
export const ENV_NAMES = [...Object.keys(schema.shape), ...REDACTION_NAMES];
function redactionOf(source: Record<string, string | undefined>): RedactionConfig {
  try {
    return readRedaction(source);
  } catch (error) {
    throw error instanceof RedactionConfigError ? new EnvError(`${error.message}.`) : error;
  }
}

let cached: Env | undefined;
/** This process' configuration. */
export function env(): Env {
  return (cached ??= readEnv(process.env));
}
