import pg from 'pg';
import type { Page, Response } from 'playwright/test';
import { consoleSchemaScript } from '../../lib/console-schema/setup';
import { goodJobDatabase } from '../../test/harness/good-job-database';
import { type ConsoleServer, startConsole } from './console-server';
import { httpTest } from './test';

export interface SiteOptions {
  /** DATABASE_SCHEMA; default: public. */
  schema?: string;
  /** Statements on the fresh tables, e.g. to make an older schema of them. */
  sql?: string[];
  /** Whether the console's own schema is there (`npm run setup`); default: true. */
  consoleSchema?: boolean;
  /** The server's environment, on top of DATABASE_URL, BASE_PATH and PORT. */
  env?: Record<string, string>;
  /** Rows, before the server starts. `db` is a session in UTC with the schema on its search path. */
  seed?: (db: pg.Client, url: string) => Promise<void>;
  /** The URL that the server gets in place of the database's own (another role, another host). */
  serverUrl?: (url: string, db: pg.Client) => Promise<string> | string;
}

const CONSOLE_SCHEMA_SQL = [consoleSchemaScript()];

export async function connect(url: string, schema = 'public'): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  await client.connect();
  await client.query(`SET TIME ZONE 'UTC'; SET search_path TO ${pg.escapeIdentifier(schema)}`);
  return client;
}

/** A console with a database of its own, and a session beside it that seeds and looks. */
export class Site {
  constructor(
    readonly databaseUrl: string,
    readonly db: pg.Client,
    readonly server: ConsoleServer,
    private readonly end: () => Promise<void>,
  ) {}

  /** An address under the base path. */
  url(path: string): string {
    return this.server.origin + this.server.basePath + path;
  }

  /** Goes there and waits until React answers to clicks. */
  async open(page: Page, path: string): Promise<Response> {
    const response = await page.goto(this.url(path));
    if (!response) throw new Error(`No answer for ${path}.`);
    await hydrated(page);
    return response;
  }

  /** The first column of the first row. */
  async value<T>(sql: string, ...values: unknown[]): Promise<T> {
    const { rows } = await this.db.query<Record<string, T>>(sql, values);
    return Object.values(rows[0] ?? {})[0] as T;
  }

  async stop(): Promise<void> {
    await this.server.stop();
    await this.db.end();
    await this.end();
  }
}

/** Until then a click on a link that opens a dialog would follow the link. */
export async function hydrated(page: Page): Promise<void> {
  await page.waitForFunction(() =>
    [...document.querySelectorAll('button, main a')].every((element) =>
      Object.keys(element).some((key) => key.startsWith('__reactProps$')),
    ),
  );
}

export async function startSite(
  name: string,
  basePath: string,
  {
    schema = 'public',
    sql = [],
    consoleSchema = true,
    env = {},
    seed,
    serverUrl,
  }: SiteOptions = {},
): Promise<Site> {
  const database = await goodJobDatabase(`e2e ${name}`, {
    schema,
    sql: [...sql, ...(consoleSchema ? CONSOLE_SCHEMA_SQL : [])],
  });
  const db = await connect(database.url, schema);
  await seed?.(db, database.url);
  const databaseUrl = (await serverUrl?.(database.url, db)) ?? database.url;
  const server = await startConsole({
    databaseUrl,
    basePath,
    env: { ...(schema === 'public' ? {} : { DATABASE_SCHEMA: schema }), ...env },
  });
  return new Site(database.url, db, server, database.drop);
}

/** A site for all tests of one file: started before the first, stopped after the last. */
export function useSite(name: string, options: SiteOptions = {}): Site {
  let site: Site | undefined;
  httpTest.beforeAll(async ({ basePath }) => {
    site = await startSite(name, basePath, options);
  });
  httpTest.afterEach(async ({}, testInfo) => {
    if (testInfo.status !== testInfo.expectedStatus)
      await testInfo.attach('what the server printed', {
        body: site?.server.output().slice(-20_000) ?? '',
        contentType: 'text/plain',
      });
  });
  httpTest.afterAll(async () => {
    await site?.stop();
    site = undefined;
  });
  return new Proxy({} as Site, {
    get(_target, property) {
      if (!site) throw new Error('The site is not started yet.');
      const value: unknown = Reflect.get(site, property);
      return typeof value === 'function' ? (value.bind(site) as unknown) : value;
    },
  });
}
