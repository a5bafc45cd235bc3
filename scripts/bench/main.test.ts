import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';

function bench(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ['--import', 'tsx', '--conditions=react-server', 'scripts/bench/main.ts', ...args],
    { encoding: 'utf8', timeout: 60_000 },
  );
  return { status, stdout, stderr };
}

describe('npm run bench', () => {
  it('npm run bench prints every option with --help', () => {
    const { status, stdout, stderr } = bench('--help');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    const source = readFileSync('scripts/bench/main.ts', 'utf8');
    const options = [...source.matchAll(/^ +(\w+): \{ type: '(?:string|boolean)'/gm)];
    expect(options.length).toBeGreaterThan(8);
    for (const [, option] of options) expect(stdout).toContain(`--${option}`);
  });

  it.each([
    [['--frobnicate'], `Unknown option '--frobnicate'`],
    [['--jobs'], `Option '--jobs <value>' argument missing`],
    [['a.b'], `Unexpected argument 'a.b'`],
  ])('npm run bench prints one sentence and exits with 1 for %j', (args, sentence) => {
    const { status, stdout, stderr } = bench(...args);
    expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
    expect(stderr).toMatch(/^[^\n]+\.\n$/);
    expect(stderr).toContain(sentence);
  });
});
