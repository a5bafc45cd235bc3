import pg from 'pg';
import type { Page, Response } from 'playwright/test';
import { consoleSchemaScript } from '../../lib/console-schema/setup';
import { goodJobDatabase } from '../../test/harness/good-job-database';
import { type ConsoleServer, startConsole } from './console-server';
import { httpTest } from './test';

export interface SiteOptions {
  /** DATABASE_SCHEMA; default public. */
  schema?: string;
  /** Statements on the fresh tables, for example to create an older schema. */
  sql?: string[];
  /** Whether to create the console's schema (`npm run setup`); default true. */
  consoleSchema?: boolean;
  /** Additional environment variables of the server. */
  env?: Record<string, string>;
  /** Inserts rows before the server starts. `db` is in UTC with the schema on its search path. */
  seed?: (db: pg.Client, url: string) => Promise<void>;
  /** Replaces the database URL of the server, for example to use another role. */
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

/** A console with its own database, and a database session for the test. */
export class Site {
  constructor(
    readonly databaseUrl: string,
    readonly db: pg.Client,
    readonly server: ConsoleServer,
    private readonly dropDatabase: () => Promise<void>,
  ) {}

  /** The URL of a path under the base path. */
  url(path: string): string {
    return this.server.origin + this.server.basePath + path;
  }

  /** Opens a page and waits for hydration. */
  async open(page: Page, path: string): Promise<Response> {
    const response = await page.goto(this.url(path));
    if (!response) throw new Error(`No answer for ${path}.`);
    await waitForHydration(page);
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
    await this.dropDatabase();
  }
}

/** Waits for hydration: before it, a link that opens a dialog would navigate. */
export async function waitForHydration(page: Page): Promise<void> {
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

/** A site for all tests of a file, started before the first and stopped after the last. */
export function useSite(name: string, options: SiteOptions = {}): Site {
  let site: Site | undefined;
  httpTest.beforeAll(async ({ basePath }) => {
    site = await startSite(name, basePath, options);
  });
  httpTest.afterEach(async ({}, testInfo) => {
    if (testInfo.status !== testInfo.expectedStatus)
      await testInfo.attach('server output', {
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
