import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { envSchema } from '../lib/config/environment';
import { REDACTION_VARIABLES } from '../lib/config/redaction-rules';

/*
 * `npm run docs:configuration` writes the tables of docs/configuration.md from the descriptions in
 * lib/config; with `--check` it fails if they differ. The comment above a table lists its settings.
 */

interface Setting {
  meaning: string | undefined;
  defaultText: string;
}

const FILE = path.resolve('docs/configuration.md');
const TABLE = /<!-- settings: ([A-Z_ ]+) -->[^]*?<!-- end of settings -->/g;
/** Set by `npm run demo` only. */
const UNDOCUMENTED = ['DEMO'];

const asCode = (value: unknown) => (value === '' ? '' : `\`${String(value)}\``);

function defaultText(schema: (typeof envSchema.shape)[keyof typeof envSchema.shape]): string {
  const parsed = schema.safeParse(undefined);
  if (!parsed.success) return 'required';
  return ['string', 'number'].includes(typeof parsed.data) ? asCode(parsed.data) : '';
}

/** Returns every setting that users may set, by the name of its environment variable. */
export function readSettings(): Map<string, Setting> {
  const settings = new Map<string, Setting>();
  for (const [name, schema] of Object.entries(envSchema.shape))
    if (!UNDOCUMENTED.includes(name))
      settings.set(name, { meaning: schema.description, defaultText: defaultText(schema) });
  for (const [name, meaning] of Object.entries(REDACTION_VARIABLES))
    settings.set(name, { meaning, defaultText: '' });
  return settings;
}

/** A mistake in the descriptions or in the page; the message is one sentence. */
class DocsError extends Error {}

/** Returns the page with new tables; throws DocsError for a setting without description or table. */
export function withTables(page: string, settings: Map<string, Setting>): string {
  const remaining = new Set(settings.keys());
  const printRow = (name: string) => {
    const { meaning, defaultText } = settings.get(name) ?? {};
    if (!meaning) throw new DocsError(`${name} has no description in lib/config.`);
    if (!remaining.delete(name)) throw new DocsError(`${name} is in two tables.`);
    return `| \`${name}\` | ${meaning} | ${defaultText} |`;
  };
  const text = page.replace(TABLE, (_, names: string) =>
    [
      `<!-- settings: ${names} -->\n`,
      '| variable | meaning | default |',
      '| --- | --- | --- |',
      ...names.trim().split(/ +/).map(printRow),
      '\n<!-- end of settings -->',
    ].join('\n'),
  );
  if (remaining.size > 0)
    throw new DocsError(`No table of docs/configuration.md has ${[...remaining].join(', ')}.`);
  return text;
}

async function main(): Promise<void> {
  const page = readFileSync(FILE, 'utf8');
  const options = { ...(await resolveConfig(FILE)), parser: 'markdown' };
  const text = await format(withTables(page, readSettings()), options);
  if (!process.argv.includes('--check')) return writeFileSync(FILE, text);
  if (text === page) return console.log('docs/configuration.md: up to date');
  console.error('docs/configuration.md differs from lib/config: run `npm run docs:configuration`.');
  process.exitCode = 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  await main().catch((error: unknown) => {
    if (!(error instanceof DocsError)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  });
}
