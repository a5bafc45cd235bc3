import { existsSync, readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import ts from 'typescript';

/*
 * `npm run check:rules` fails on what neither ESLint nor knip reports: wide lines, import cycles,
 * undocumented caches and settings, global state outside of process-state.ts, too many files.
 */

/** A source file by its path from the project's folder. */
export type Sources = Map<string, string>;

const FOLDERS = ['app', 'components', 'e2e', 'lib', 'scripts', 'server', 'test'];
const MAX_COLUMNS = 120;
const MAX_LIB_FILES = 145;
const CACHE_DOCS = 'docs/caching.md';
const SETTING_DOCS = 'docs/configuration.md';
const PROCESS_STATE = 'lib/core/process-state.ts';
/** Variables that Node, Next or the project's own scripts set, and that users do not. */
const INTERNAL_VARIABLES = [
  'GOOD_JOB_CONSOLE_BUILD_ID',
  'CONSOLE_RELEASE',
  'GOOD_JOB_CONSOLE_DEV',
  'NEXT_RUNTIME',
  'NEXT_TELEMETRY_DISABLED',
  'NODE_ENV',
  '__NEXT_PRIVATE_STANDALONE_CONFIG',
];
/** Variables of libpq, which docs/configuration.md covers by a reference to libpq. */
const LIBPQ_VARIABLE = /^PG[A-Z]+$/;

const isTest = (file: string) => file.includes('.test.');
const isProductCode = (file: string) =>
  /^(app|components|lib|server)\//.test(file) && !isTest(file);

/** Reads the TypeScript and JavaScript files of the project at `root`. */
export function readSources(root: string): Sources {
  const files = FOLDERS.flatMap((folder) =>
    readdirSync(path.join(root, folder), { recursive: true, encoding: 'utf8' }).map((file) =>
      path.posix.join(folder, file),
    ),
  );
  const sourceFiles = [...files, ...readdirSync(root)].filter((file) => /\.(tsx?|mjs)$/.test(file));
  return new Map(
    sourceFiles.sort().map((file) => [file, readFileSync(path.join(root, file), 'utf8')]),
  );
}

const parse = (file: string, text: string) =>
  ts.createSourceFile(file, text, ts.ScriptTarget.Latest, false);

function forEachNode(node: ts.Node, visitor: (node: ts.Node) => void): void {
  visitor(node);
  ts.forEachChild(node, (child) => forEachNode(child, visitor));
}

/** Returns the lines that are too wide. */
export const findWideLines = (sources: Sources): string[] =>
  [...sources].flatMap(([file, text]) =>
    text.split('\n').flatMap((line, index) => {
      const columns = [...line].length;
      return columns > MAX_COLUMNS
        ? [`${file}:${index + 1}: ${columns} columns; a line has at most ${MAX_COLUMNS}.`]
        : [];
    }),
  );

/** Returns the uses of globalThis in lib, which keeps its global state in process-state.ts. */
export const findGlobalState = (sources: Sources): string[] =>
  [...sources]
    .filter(([file, text]) => {
      const isChecked = file.startsWith('lib/') && !isTest(file) && file !== PROCESS_STATE;
      return isChecked && /\bglobalThis\b/.test(text);
    })
    .map(([file]) => `${file}: uses globalThis; state of the process belongs to ${PROCESS_STATE}.`);

/** Returns a problem if lib has too many files that are not tests. */
export function findTooManyFiles(sources: Sources): string[] {
  const count = [...sources.keys()].filter((f) => f.startsWith('lib/') && !isTest(f)).length;
  return count > MAX_LIB_FILES
    ? [`lib has ${count} files without tests; merge some: at most ${MAX_LIB_FILES}.`]
    : [];
}

/** Returns the static imports of a file, without type imports, which do not exist at run time. */
function runtimeImports(file: string, text: string): string[] {
  return parse(file, text).statements.flatMap((statement) => {
    if (!ts.isImportDeclaration(statement) && !ts.isExportDeclaration(statement)) return [];
    const { moduleSpecifier } = statement;
    if (!moduleSpecifier || !ts.isStringLiteral(moduleSpecifier)) return [];
    return isTypeOnly(statement) ? [] : [moduleSpecifier.text];
  });
}

function isTypeOnly(statement: ts.ImportDeclaration | ts.ExportDeclaration): boolean {
  if (ts.isExportDeclaration(statement)) return statement.isTypeOnly;
  const clause = statement.importClause;
  if (!clause) return false;
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true;
  const names = clause.namedBindings;
  if (clause.name || !names || !ts.isNamedImports(names)) return false;
  return names.elements.length > 0 && names.elements.every(({ isTypeOnly }) => isTypeOnly);
}

function resolveImport(sources: Sources, from: string, specifier: string): string | undefined {
  if (!/^(\.|@\/)/.test(specifier)) return undefined;
  const target = specifier.startsWith('@/')
    ? specifier.slice(2)
    : path.posix.join(path.posix.dirname(from), specifier);
  return ['', '.ts', '.tsx', '.mjs', '/index.ts', '/index.tsx']
    .map((extension) => target + extension)
    .find((candidate) => sources.has(candidate));
}

/** Returns each import that closes a cycle, by a depth-first search. */
export function findCycles(sources: Sources): string[] {
  const imports = new Map(
    [...sources].map(([file, text]) => [
      file,
      runtimeImports(file, text).flatMap((name) => resolveImport(sources, file, name) ?? []),
    ]),
  );
  const finished = new Set<string>();
  const cycles: string[] = [];
  const search = (file: string, trail: string[]) => {
    if (finished.has(file)) return;
    const start = trail.indexOf(file);
    if (start >= 0) {
      cycles.push(`Import cycle: ${[...trail.slice(start), file].join(' -> ')}`);
      return;
    }
    for (const imported of imports.get(file) ?? []) search(imported, [...trail, file]);
    finished.add(file);
  };
  for (const file of sources.keys()) search(file, []);
  return cycles;
}

/** Returns the name and file of each ProcessCache, processState and processValue. */
function findCaches(sources: Sources): { name: string | null; file: string }[] {
  const caches: { name: string | null; file: string }[] = [];
  for (const [file, text] of sources) {
    if (!isProductCode(file) || !/ProcessCache|processState|processValue/.test(text)) continue;
    forEachNode(parse(file, text), (node) => {
      if (!ts.isNewExpression(node) && !ts.isCallExpression(node)) return;
      const { expression } = node;
      if (!ts.isIdentifier(expression)) return;
      if (!/^(ProcessCache|processState|processValue)$/.test(expression.text)) return;
      const [name] = node.arguments ?? [];
      const isWrapper = file === PROCESS_STATE && name !== undefined && ts.isIdentifier(name);
      if (isWrapper) return;
      caches.push({ file, name: name && ts.isStringLiteral(name) ? name.text : null });
    });
  }
  return caches;
}

/**
 * Returns the caches that the documentation lacks or lists with another file, and the listed ones
 * that the code does not have.
 */
export function findUndocumentedCaches(sources: Sources, docs: string): string[] {
  const documented = new Map(
    [...docs.matchAll(/^\| `([^`/]+)` *\| `([^`]+)`/gm)].map(([, name, file]) => [name, file]),
  );
  const caches = findCaches(sources);
  const problems = caches.flatMap(({ name, file }) => {
    if (name === null) return [`${file}: the name of a cache must be a string literal.`];
    return documented.get(name) === file
      ? []
      : [`${file}: ${CACHE_DOCS} does not list the cache "${name}" with this file.`];
  });
  const names = new Set(caches.map(({ name }) => name));
  const outdated = [...documented.keys()].filter((name) => name !== undefined && !names.has(name));
  const privateCaches = [...sources].filter(
    ([file, text]) => isProductCode(file) && file !== PROCESS_STATE && /new LRUCache\b/.test(text),
  );
  return [
    ...problems,
    ...outdated.map((name) => `${CACHE_DOCS}: no code has the cache "${name}".`),
    ...privateCaches.map(([file]) => `${file}: a cache must be a ProcessCache.`),
  ];
}

/** Returns the files that the documentation of the caches names and that do not exist. */
export const findMissingCacheFiles = (sources: Sources, docs: string): string[] =>
  [...docs.matchAll(/`((?:lib|server|components|app)\/[\w./-]+\.tsx?)`/g)].flatMap(([, file]) =>
    file && !sources.has(file) ? [`${CACHE_DOCS}: ${file} does not exist.`] : [],
  );

/** Returns the environment variables that the code reads and the documentation does not name. */
export function findUndocumentedSettings(sources: Sources, docs: string): string[] {
  const isDocumented = (name: string) =>
    docs.includes(`\`${name}\``) || INTERNAL_VARIABLES.includes(name) || LIBPQ_VARIABLE.test(name);
  return [...sources].flatMap(([file, text]) => {
    if (!isProductCode(file)) return [];
    const names = [...text.matchAll(/process\.env\.(\w+)/g)].map(([, name = '']) => name);
    return names
      .filter((name) => !isDocumented(name))
      .map((name) => `${file}: ${SETTING_DOCS} does not document ${name}.`);
  });
}

function main(root: string): void {
  const sources = readSources(root);
  const readDocs = (file: string) => {
    const docs = path.join(root, file);
    return existsSync(docs) ? readFileSync(docs, 'utf8') : '';
  };
  const cacheDocs = readDocs(CACHE_DOCS);
  const problems = [
    ...findWideLines(sources),
    ...findGlobalState(sources),
    ...findTooManyFiles(sources),
    ...findCycles(sources),
    ...findUndocumentedCaches(sources, cacheDocs),
    ...findMissingCacheFiles(sources, cacheDocs),
    ...findUndocumentedSettings(sources, readDocs(SETTING_DOCS)),
  ];
  for (const problem of problems) console.error(problem);
  console.log(`rules: ${sources.size} files, ${problems.length} problems`);
  if (problems.length > 0) process.exitCode = 1;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) main(process.cwd());
