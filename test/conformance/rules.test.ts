import { expect, test } from 'vitest';
import { compare } from './compare';
import { recordedObservation } from './recorded-observation';
import { ruled } from './rules';
import { situationOf } from './situation';
import { flagsOf, readVectors } from './vector';

/*
 * The rules decide what must come out of the flagged vectors, so they are themselves held against what GoodJob
 * did wherever the console is to do the same.
 */
const plain = (await readVectors(new URL('vectors.jsonl.gz', import.meta.url))).filter(
  (vector) => flagsOf(vector).length === 0,
);

test('the rules give what was recorded, for every vector without a flag', () => {
  let held = 0;
  for (const vector of plain) {
    const situation = situationOf(vector);
    if (!situation) continue;
    const expectation = ruled(vector, situation);
    const observation = recordedObservation(vector);
    // GoodJob does not tell the outcome of each job of a bulk action.
    const outcomes =
      vector.action === 'http_mass_update'
        ? { doneCount: Object.values(expectation.outcomes).filter((one) => one === 'done').length }
        : expectation.outcomes;
    expect(
      compare({ ...expectation, outcomes }, observation),
      `${vector.name} (${vector.lock_strategy})`,
    ).toEqual([]);
    held += 1;
  }
  expect(held).toBeGreaterThan(300);
});
