import { expect, it } from 'vitest';
import { compare } from './compare';
import { recordedObservation } from './recorded-observation';
import { applyRules } from './rules';
import { situationOf } from './situation';
import { flagsOf, readVectors } from './vector';

/*
 * The rules supply the expectation for flagged vectors, so for every other vector they must
 * reproduce what GoodJob did.
 */
const unflagged = (await readVectors(new URL('vectors.jsonl.gz', import.meta.url))).filter(
  (vector) => flagsOf(vector).length === 0,
);

it('the rules reproduce the recorded result of every vector without a flag', () => {
  let compared = 0;
  for (const vector of unflagged) {
    const situation = situationOf(vector);
    if (!situation) continue;
    const expectation = applyRules(vector, situation);
    const observation = recordedObservation(vector);
    // GoodJob reports no outcome for each job of a bulk action.
    const outcomes =
      vector.action === 'http_mass_update'
        ? { doneCount: Object.values(expectation.outcomes).filter((one) => one === 'done').length }
        : expectation.outcomes;
    expect(
      compare({ ...expectation, outcomes }, observation),
      `${vector.name} (${vector.lock_strategy})`,
    ).toEqual([]);
    compared += 1;
  }
  expect(compared).toBeGreaterThan(300);
});
