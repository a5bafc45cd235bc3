import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/*
 * npm run check:dependencies: whether a package that the console ships has a known hole of high or critical severity.
 * A finding fails. A registry that cannot be asked is a warning that is named and counted: it says nothing about us.
 */

interface Audit {
  metadata?: { vulnerabilities?: Record<string, number>; dependencies?: { prod?: number } };
  vulnerabilities?: Record<
    string,
    { severity: string; range: string; via: (string | { title: string; url: string })[] }
  >;
  error?: { code?: string; summary?: string };
  message?: string;
}

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const GRAVE = ['high', 'critical'];

function read(text: string): Audit {
  try {
    return JSON.parse(text) as Audit;
  } catch {
    return {};
  }
}

const { stdout, stderr } = spawnSync(
  'npm',
  ['audit', '--omit=dev', '--audit-level=high', '--json'],
  { cwd: ROOT, encoding: 'utf8', timeout: 120_000, shell: process.platform === 'win32' },
);
const audit = read(stdout ?? '');
if (!audit.metadata?.vulnerabilities) {
  const reason =
    audit.error?.summary ||
    audit.message ||
    (stderr ?? '').trim().split('\n').at(-1) ||
    'no answer in two minutes';
  console.warn(
    `Warning: the registry could not be asked for known holes in the dependencies (${reason}), so they were not checked.`,
  );
  console.log('dependencies: 0 checked, 0 with holes, 1 warning');
} else {
  const found = Object.entries(audit.vulnerabilities ?? {}).filter(([, { severity }]) =>
    GRAVE.includes(severity),
  );
  for (const [name, { severity, range, via }] of found)
    console.error(
      `${name} ${range}: ${severity}, ${via.map((one) => (typeof one === 'string' ? `by ${one}` : `${one.title} (${one.url})`)).join('; ')}`,
    );
  console.log(
    `dependencies: ${audit.metadata.dependencies?.prod ?? 'all'} checked, ${found.length} with holes, 0 warnings`,
  );
  if (found.length > 0) process.exitCode = 1;
}
