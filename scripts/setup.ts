import { parseArgs } from 'node:util';
import { CONSOLE_SCHEMA } from '../lib/audit/recorder';
import { type Env, readEnv } from '../lib/config/environment';
import { consoleSchemaScript, grantsFor, setUpConsoleSchema } from '../lib/console-schema/setup';
import { ConsoleError, type ErrorCode } from '../lib/core/errors';
import { type Database, openDatabase } from '../lib/db/database';
import { type DetectedSchema, detectSchema } from '../lib/good-job/schema';
import { endOnSystemErrors } from '../server/system-error';

/*
 * npm run setup: makes the console's own schema, or brings it up to date, and prints the GRANTs that the console's
 * role needs. Changes nothing but that schema; running it again does no harm.
 *   -- --print        the same as SQL for whoever may create schemas; touches no database
 *   -- --role=NAME    the role that the console will connect as, when it is not the one of DATABASE_URL
 */

const LOCKED = `Another session uses the tables of the schema ${CONSOLE_SCHEMA}, or changes them; run npm run setup again when it is done.`;
const SENTENCES: Partial<Record<ErrorCode, string>> = {
  database_down: 'The database of DATABASE_URL does not answer.',
  database_busy: 'The database of DATABASE_URL has no connection free; try again.',
  database_tls: 'No encrypted connection to the database of DATABASE_URL could be made.',
  database_login: 'The database of DATABASE_URL refuses the login.',
  read_only: 'The database of DATABASE_URL takes no writes: it is a standby, or set to read-only.',
  locked: LOCKED,
  console_locked: LOCKED,
  no_permission: `The role of DATABASE_URL may not make or change the schema ${CONSOLE_SCHEMA}: run npm run setup with the DATABASE_URL of a role that has CREATE on the database, or give a DBA the SQL of npm run setup -- --print.`,
};

function sentenceOf(error: unknown): string {
  if (!(error instanceof ConsoleError))
    return error instanceof Error ? error.message : String(error);
  const cause = error.cause instanceof Error ? error.cause.message : '';
  const sentence = SENTENCES[error.code] ?? `The database refused (${error.code}).`;
  // A cause of lib/db is a sentence of its own; one of the driver or the server is a detail, and of a lost permission the same thing again.
  if (cause.endsWith('.')) return cause;
  return cause && error.code !== 'no_permission'
    ? sentence.replace(/\.$/, ` (${cause}).`)
    : sentence;
}

function grantLines(schema: string, role: string): string[] {
  const { read, operate, record } = grantsFor(schema, role);
  return [
    `-- What the role "${role}" needs; the owner of the tables grants it.`,
    '-- To look (with READ_ONLY=1 this is all of it):',
    ...read,
    '-- To act as well: retry, discard, reschedule, pause:',
    ...operate,
    `-- The console's own records (without them it writes its audit to stdout):`,
    ...record,
  ];
}

/** What is still to be granted, as far as this role is concerned. */
function shortcomings(schema: DetectedSchema): string {
  switch (schema.problem) {
    case 'no_schema':
      return `There is no schema "${schema.name}" in this database yet: set DATABASE_SCHEMA to the one that holds GoodJob's tables.`;
    case 'no_tables':
      return `There are no GoodJob tables in the schema "${schema.name}" of this database.`;
    case 'good_job_3':
      return `The GoodJob tables in the schema "${schema.name}" are those of a release before 4.0, which the console cannot read.`;
    default:
      if (schema.tablesWithoutRead.length > 0)
        return `The role "${schema.role}" may not read yet: ${schema.tablesWithoutRead.join(', ')}.`;
      if (schema.tablesWithoutWrite.length > 0)
        return `The role "${schema.role}" may look and not act yet; it lacks the grants on ${schema.tablesWithoutWrite.join(', ')}.`;
      return `The role "${schema.role}" has all that the console needs on the GoodJob tables in "${schema.name}".`;
  }
}

async function setUp(db: Database, env: Env, role: string | undefined): Promise<void> {
  const schema = await db.read((tx) => detectSchema(tx, env.databaseSchema));
  const { applied, version } = await db.migrate((tx) => setUpConsoleSchema(tx));
  for (const migration of applied)
    console.log(`-- ${CONSOLE_SCHEMA}: migration ${migration.version} (${migration.name}) done.`);
  console.log(
    `-- The schema ${CONSOLE_SCHEMA} is at version ${version}${applied.length === 0 ? '; there was nothing to do' : ''}.`,
  );
  if (!role) console.log(`-- ${shortcomings(schema)}`);
  console.log(['', ...grantLines(env.databaseSchema, role ?? schema.role)].join('\n'));
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: { print: { type: 'boolean', default: false }, role: { type: 'string' } },
  });
  if (values.print) {
    // Nothing is connected to, so a machine without DATABASE_URL can print it.
    const { databaseSchema } = readEnv({
      ...process.env,
      DATABASE_URL: process.env.DATABASE_URL ?? 'postgres://',
    });
    const role = values.role ?? 'good_job_console';
    console.log([consoleSchemaScript(), '', ...grantLines(databaseSchema, role)].join('\n'));
    if (!values.role)
      console.log(
        `-- "${role}" stands for the console's role: npm run setup -- --print --role=NAME`,
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
