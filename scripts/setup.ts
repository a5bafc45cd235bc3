import { parseArgs } from 'node:util';
import { CONSOLE_SCHEMA } from '../lib/audit/recorder';
import { type Env, readEnv } from '../lib/config/environment';
import { consoleSchemaScript, grantsFor, setUpConsoleSchema } from '../lib/console-schema/setup';
import { ConsoleError, type ErrorCode } from '../lib/core/errors';
import { type Database, openDatabase } from '../lib/db/database';
import { type DetectedSchema, detectSchema } from '../lib/good-job/tables';
import { endOnSystemErrors } from '../server/system-error';

/*
 * `npm run setup` creates or migrates the console's own schema and prints the GRANTs that the
 * console's role needs. It changes nothing else and can be repeated.
 *   -- --print        prints the SQL for a role that may create schemas; connects to no database
 *   -- --role=NAME    the role of the console, if it is not the one of DATABASE_URL
 */

const LOCKED =
  `Another session has locked the tables of the schema ${CONSOLE_SCHEMA}; ` +
  'run npm run setup again when it has finished.';
const SENTENCES: Partial<Record<ErrorCode, string>> = {
  database_down: 'The database of DATABASE_URL does not respond.',
  database_busy: 'The database of DATABASE_URL has no free connection; try again.',
  database_tls: 'The encrypted connection to the database of DATABASE_URL failed.',
  database_login: 'The database of DATABASE_URL rejected the login.',
  read_only: 'The database of DATABASE_URL is read-only or a standby.',
  locked: LOCKED,
  console_locked: LOCKED,
  no_permission:
    `The role of DATABASE_URL may not create or change the schema ${CONSOLE_SCHEMA}: ` +
    'run npm run setup with the DATABASE_URL of a role that has CREATE on the database, ' +
    'or give a DBA the SQL of npm run setup -- --print.',
};

function sentenceOf(error: unknown): string {
  if (!(error instanceof ConsoleError))
    return error instanceof Error ? error.message : String(error);
  const cause = error.cause instanceof Error ? error.cause.message : '';
  const sentence = SENTENCES[error.code] ?? `The database refused (${error.code}).`;
  // Causes from lib/db are complete sentences; those of the driver and server are only details.
  if (cause.endsWith('.')) return cause;
  return cause && error.code !== 'no_permission'
    ? sentence.replace(/\.$/, ` (${cause}).`)
    : sentence;
}

function grantLines(schema: string, role: string): string[] {
  const { read, operate, record } = grantsFor(schema, role);
  return [
    `-- Grants for the role "${role}", to be run by the owner of the tables.`,
    '-- Read access (sufficient with READ_ONLY=1):',
    ...read,
    '-- Actions: retry, discard, reschedule, pause:',
    ...operate,
    `-- The console's own schema (without it the audit is written to stdout):`,
    ...record,
  ];
}

/** One sentence about what the role still lacks. */
function missingRequirement(schema: DetectedSchema): string {
  switch (schema.problem) {
    case 'no_schema':
      return (
        `The schema "${schema.name}" does not exist in this database: ` +
        "set DATABASE_SCHEMA to the schema that contains GoodJob's tables."
      );
    case 'no_tables':
      return `The schema "${schema.name}" of this database contains no GoodJob tables.`;
    case 'good_job_3':
      return (
        `The GoodJob tables in the schema "${schema.name}" are of a release before 4.0, ` +
        'which the console does not support.'
      );
    default:
      if (schema.tablesWithoutRead.length > 0)
        return `The role "${schema.role}" cannot read ${schema.tablesWithoutRead.join(', ')} yet.`;
      if (schema.tablesWithoutWrite.length > 0)
        return (
          `The role "${schema.role}" can read but not act yet: ` +
          `it lacks grants on ${schema.tablesWithoutWrite.join(', ')}.`
        );
      return `The role "${schema.role}" has all required grants on GoodJob's tables in "${schema.name}".`;
  }
}

async function setUp(db: Database, env: Env, role: string | undefined): Promise<void> {
  const schema = await db.read((tx) => detectSchema(tx, env.databaseSchema));
  const { applied, version } = await db.migrate((tx) => setUpConsoleSchema(tx));
  for (const migration of applied)
    console.log(`-- ${CONSOLE_SCHEMA}: migration ${migration.version} (${migration.name}) done.`);
  const suffix = applied.length === 0 ? ' already' : '';
  console.log(`-- The schema ${CONSOLE_SCHEMA} is at version ${version}${suffix}.`);
  if (!role) console.log(`-- ${missingRequirement(schema)}`);
  console.log(['', ...grantLines(env.databaseSchema, role ?? schema.role)].join('\n'));
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { print: { type: 'boolean', default: false }, role: { type: 'string' } },
  });
  if (values.print) {
    // No connection is needed, so DATABASE_URL may be missing.
    const { databaseSchema } = readEnv({
      ...process.env,
      DATABASE_URL: process.env.DATABASE_URL ?? 'postgres://',
    });
    const role = values.role ?? 'good_job_console';
    console.log([consoleSchemaScript(), '', ...grantLines(databaseSchema, role)].join('\n'));
    if (!values.role)
      console.log(
        `-- Replace "${role}" with the console's role: npm run setup -- --print --role=NAME`,
      );
    return;
  }
  const env = readEnv(process.env);
  const db = openDatabase({
    url: env.databaseUrl,
    caFile: env.databaseCaFile,
    poolSize: 1,
    applicationName: 'good_job_console_setup',
  });
  try {
    await setUp(db, env, values.role);
  } finally {
    await db.close().catch(() => undefined);
  }
}

endOnSystemErrors();
main().catch((error: unknown) => {
  console.error(sentenceOf(error));
  process.exitCode = 1;
});
