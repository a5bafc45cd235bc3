import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { ensureBuild } from '../support/build';
import { expect, httpTest as test } from '../support/test';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const NOT_COPIED = new Set(['.git', '.next', '.cache', 'node_modules', 'test-results']);

// Removed, because linters and tests would otherwise include the second project.
test.afterEach(({}, testInfo) => {
  rmSync(testInfo.outputPath('copy'), { recursive: true, force: true });
});

test('two builds of one commit have the same action ids, build id and scripts', ({}, testInfo) => {
  const first = path.dirname(ensureBuild());
  const copy = testInfo.outputPath('copy');
  mkdirSync(copy, { recursive: true });
  for (const name of readdirSync(ROOT))
    if (!NOT_COPIED.has(name))
      cpSync(path.join(ROOT, name), path.join(copy, name), { recursive: true });
  // Turbopack does not follow symbolic links out of its root, so hard links are preferred.
  const linkResult = spawnSync('cp', ['-al', path.join(ROOT, 'node_modules'), copy]);
  if (linkResult.status !== 0)
    symlinkSync(path.join(ROOT, 'node_modules'), path.join(copy, 'node_modules'));
  const buildResult = spawnSync('npm', ['run', 'build'], { cwd: copy, encoding: 'utf8' });
  expect(buildResult.status, buildResult.stdout + buildResult.stderr).toBe(0);
  const second = path.join(copy, '.next/standalone');
  const actions = (folder: string) => {
    const text = readFileSync(
      path.join(folder, '.next/server/server-reference-manifest.json'),
      'utf8',
    );
    const { node } = JSON.parse(text) as {
      node: Record<string, { filename: string; exportedName: string }>;
    };
    return Object.entries(node)
      .map(([id, { filename, exportedName }]) => `${id} ${filename}#${exportedName}`)
      .sort();
  };
  expect(actions(second)).toEqual(actions(first));
  const buildIdOf = (folder: string) => readFileSync(path.join(folder, '.next/BUILD_ID'), 'utf8');
  expect(buildIdOf(second)).toBe(buildIdOf(first));
  // CSS may differ: Tailwind scans the files that git does not ignore, and the copy has no git.
  const scripts = (folder: string) =>
    readdirSync(path.join(folder, '.next/static/chunks'))
      .filter((name) => name.endsWith('.js'))
      .sort();
  expect(scripts(second)).toEqual(scripts(first));
});
