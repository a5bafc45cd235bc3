import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';

/*
 * `npm run check:dependencies` fails if a shipped package has a known vulnerability of high or
 * critical severity. An unreachable registry is only a warning.
 */

const cause = z.union([z.string(), z.object({ title: z.string(), url: z.string() })]);
const vulnerability = z.object({ severity: z.string(), range: z.string(), via: z.array(cause) });
/** The output of `npm audit --json`. */
const auditOutput = z.object({
  metadata: z
    .object({
      vulnerabilities: z.record(z.string(), z.number()).optional(),
      dependencies: z.object({ prod: z.number().optional() }).optional(),
    })
    .optional(),
  vulnerabilities: z.record(z.string(), vulnerability).optional(),
  error: z.object({ summary: z.string().optional() }).optional(),
  message: z.string().optional(),
});

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const FAILING_SEVERITIES = ['high', 'critical'];

/** Text that is not JSON, as npm prints without a registry, counts as empty. */
function parseAudit(text: string): z.infer<typeof auditOutput> {
  let output: unknown;
  try {
    output = JSON.parse(text);
  } catch {
    return {};
  }
  return auditOutput.parse(output);
}

const { stdout, stderr } = spawnSync(
  'npm',
  ['audit', '--omit=dev', '--audit-level=high', '--json'],
  { cwd: ROOT, encoding: 'utf8', timeout: 120_000, shell: process.platform === 'win32' },
);
const audit = parseAudit(stdout ?? '');
if (!audit.metadata?.vulnerabilities) {
  const reason =
    audit.error?.summary ||
    audit.message ||
    (stderr ?? '').trim().split('\n').at(-1) ||
    'no response within two minutes';
  console.warn(
    `Warning: the dependencies were not checked, because the registry is unreachable (${reason}).`,
  );
  console.log('dependencies: 0 checked, 0 vulnerable, 1 warning');
} else {
  const vulnerabilities = Object.entries(audit.vulnerabilities ?? {}).filter(([, { severity }]) =>
    FAILING_SEVERITIES.includes(severity),
  );
  for (const [name, { severity, range, via }] of vulnerabilities) {
    const causes = via.map((item) =>
      typeof item === 'string' ? `by ${item}` : `${item.title} (${item.url})`,
    );
    console.error(`${name} ${range}: ${severity}, ${causes.join('; ')}`);
  }
  const checked = audit.metadata.dependencies?.prod ?? 'all';
  console.log(`dependencies: ${checked} checked, ${vulnerabilities.length} vulnerable, 0 warnings`);
  if (vulnerabilities.length > 0) process.exitCode = 1;
}
