import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { prepareBuild, splitTemplates } from './build';
import { createFileCheck } from './build-files';
import { removeAbandoned } from './copy-folder';

let root: string;
let standalone: string;
const children: ChildProcess[] = [];
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'gjc-build-test-'));
  standalone = path.join(root, 'standalone');
  write('.next/BUILD_ID', 'an-id');
  write(
    '.next/static/a.js',
    'const base = "/__BASE_PATH__"; const rule = /^\\/__BASE_PATH__\\/x/;',
  );
  write('.next/static/plain.js', 'const a = 1;');
  write('package.json', '{}');
  mkdirSync(path.join(standalone, 'node_modules'));
  splitTemplates(standalone);
});
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
  rmSync(root, { recursive: true, force: true });
});

function write(name: string, text: string): void {
  const file = path.join(standalone, name);
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text);
}
const createFolder = (name: string) => {
  const folder = path.join(root, name);
  mkdirSync(folder);
  return folder;
};

test('splitTemplates builds the root variant and stores the templates next to it', () => {
  expect(readFileSync(path.join(standalone, '.next/static/a.js'), 'utf8')).toBe(
    'const base = ""; const rule = /^\\/x/;',
  );
  expect(readFileSync(path.join(standalone, 'templates/static/a.js'), 'utf8')).toContain(
    '/__BASE_PATH__',
  );
  expect(readdirSync(path.join(standalone, 'templates/static'))).toEqual(['a.js']);
});

test('prepareBuild serves the root from the build itself without a copy', () => {
  const empty = createFolder('empty');
  const { folder, files } = prepareBuild(standalone, '', { TMPDIR: empty });
  expect(folder).toBe(standalone);
  expect(files).toContain(path.join(standalone, '.next/static/a.js'));
  expect(readdirSync(empty)).toEqual([]);
});

test('prepareBuild copies the build for a base path to RUNTIME_DIRECTORY or TMPDIR', () => {
  const runtime = createFolder('runtime');
  const temporary = createFolder('temporary');
  const first = prepareBuild(standalone, '/ops.x/gj', {
    RUNTIME_DIRECTORY: `${runtime}:/other`,
    TMPDIR: temporary,
  });
  expect(path.dirname(first.folder)).toBe(runtime);
  expect(readFileSync(path.join(first.folder, '.next/static/a.js'), 'utf8')).toBe(
    'const base = "/ops.x/gj"; const rule = /^\\/ops\\.x\\/gj\\/x/;',
  );
  const second = prepareBuild(standalone, '/ops', { TMPDIR: temporary });
  expect(path.dirname(second.folder)).toBe(temporary);
});

test('prepareBuild throws a sentence naming the variable if its folder is not writable', () => {
  for (const name of ['RUNTIME_DIRECTORY', 'TMPDIR'])
    expect(() => prepareBuild(standalone, '/ops', { [name]: '/nowhere/at/all' })).toThrow(
      new RegExp(`^${name} must be a folder .*ENOENT\\)\\.$`),
    );
});

test('createFileCheck detects a deleted build file', async () => {
  const { files, folder } = prepareBuild(standalone, '/ops', { TMPDIR: createFolder('deleted') });
  expect(await createFileCheck(files)()).toBe(true);
  rmSync(path.join(folder, '.next/static/plain.js'));
  expect(await createFileCheck(files)()).toBe(false);
});

test('removeAbandoned removes the folder of a killed server but not of a running one', async () => {
  const temporary = createFolder('killed');
  const { folder: ownFolder } = prepareBuild(standalone, '/ops', { TMPDIR: temporary });
  const code = `import { createCopyFolder } from './server/copy-folder';
    console.log(createCopyFolder({ TMPDIR: ${JSON.stringify(temporary)} })); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--import', 'tsx', '--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  const [output] = (await once(child.stdout, 'data')) as [Buffer];
  const childFolder = output.toString().trim();
  removeAbandoned(temporary);
  expect(existsSync(childFolder)).toBe(true);
  child.kill('SIGKILL');
  await once(child, 'exit');
  removeAbandoned(temporary);
  expect(existsSync(childFolder)).toBe(false);
  expect(existsSync(ownFolder)).toBe(true);
});

test('removeAbandoned removes a folder of another container not touched for a minute', () => {
  const temporary = createFolder('container');
  const folder = path.join(temporary, 'good-job-console-x');
  mkdirSync(folder);
  const owner = path.join(folder, 'owner.json');
  writeFileSync(owner, JSON.stringify({ pid: 1, startedAt: '1', host: 'elsewhere pid:[1]' }));
  removeAbandoned(temporary);
  expect(existsSync(folder)).toBe(true);
  const old = new Date(Date.now() - 61_000);
  utimesSync(owner, old, old);
  removeAbandoned(temporary);
  expect(existsSync(folder)).toBe(false);
});

test('removeAbandoned leaves unrelated folders and files with the same prefix alone', () => {
  const temporary = createFolder('others');
  mkdirSync(path.join(temporary, 'good-job-console-1000'));
  writeFileSync(path.join(temporary, 'good-job-console-note'), 'a file');
  removeAbandoned(temporary);
  expect(readdirSync(temporary)).toHaveLength(2);
});
