import { resolve } from 'node:path';
import { recordedApp } from './recorded-app';
import { ReplayDatabase } from './replay';
import { checkUndoVector, readUndoVectors } from './undo-vectors';
import { type Vector, readVectors } from './vector';
import { type Verdict, checkVector } from './verdict';

/*
 * npm run test:conformance: replays recordings of GoodJob on the console's actions. VECTORS=path
 * selects another file (.jsonl, plain or gzipped). Exits with 1 on a difference.
 */

/** Number of databases that replay concurrently. */
const STAGES = 2;

// npm changes to the package's folder, so a relative path starts at INIT_CWD.
const file = process.env.VECTORS
  ? resolve(process.env.INIT_CWD ?? '.', process.env.VECTORS)
  : new URL('vectors.jsonl.gz', import.meta.url);
const startedAt = Date.now();
const vectors = await readVectors(file).catch((error: unknown) => {
  const reason = error instanceof Error ? error.message : String(error);
  console.error(`The vectors in ${String(file)} cannot be read: ${reason}.`);
  process.exit(1);
});
const app = recordedApp(vectors);
const undoVectors = await readUndoVectors();
const cases: { vector: Vector; check: (stage: ReplayDatabase) => Promise<Verdict> }[] = [
  ...vectors.map((vector) => ({
    vector,
    check: (stage: ReplayDatabase) => checkVector(vector, stage),
  })),
  ...undoVectors.map((vector) => ({
    vector,
    check: (stage: ReplayDatabase) => checkUndoVector(vector, stage),
  })),
];
const verdicts = new Array<Verdict | undefined>(cases.length);
const stages = await Promise.all(
  Array.from({ length: STAGES }, (_, index) => ReplayDatabase.open(`conformance ${index}`, app)),
);
let next = 0;
await Promise.all(
  stages.map(async (stage) => {
    while (next < cases.length) {
      const index = next;
      next += 1;
      verdicts[index] = await cases[index]?.check(stage);
    }
    await stage.close();
  }),
);

const counts: Record<Verdict['kind'], number> = {
  matched: 0,
  excepted: 0,
  'not built': 0,
  differing: 0,
};
const reasons = new Map<string, number>();
cases.forEach(({ vector }, index) => {
  const verdict = verdicts[index] ?? { kind: 'differing', differences: ['not replayed'] };
  counts[verdict.kind] += 1;
  if (verdict.kind === 'matched') return;
  console.log(`${verdict.kind}: ${vector.name} (${vector.action}, ${vector.lock_strategy})`);
  if (verdict.kind === 'differing')
    for (const difference of verdict.differences) console.log(`    ${difference}`);
  if (verdict.kind === 'excepted')
    reasons.set(verdict.reason, (reasons.get(verdict.reason) ?? 0) + 1);
});
console.log('\nExceptions, by kind:');
for (const [reason, count] of [...reasons].sort((a, b) => b[1] - a[1]))
  console.log(`${String(count).padStart(5)}  ${reason}`);
console.log(
  `\n${vectors.length} vectors and ${undoVectors.length} of the undo ` +
    `in ${((Date.now() - startedAt) / 1000).toFixed(1)} s`,
);
for (const [kind, count] of Object.entries(counts))
  console.log(`${String(count).padStart(5)}  ${kind}`);
console.log(
  `\nconformance: ${counts.matched + counts.excepted} passed, ` +
    `${counts.differing} failed, ${counts['not built']} skipped`,
);
process.exit(counts.differing > 0 || vectors.length === 0 ? 1 : 0);
