import { compare } from './compare';
import { exceptionFor } from './exceptions';
import { type Expectation, recordedExpectation } from './expectation';
import { explainDeviations, recordedOutcomes } from './explained';
import type { ReplayDatabase } from './replay';
import { applyRules } from './rules';
import { type Situation, situationOf } from './situation';
import { type Vector, flagsOf } from './vector';
import { DEVIATIONS } from './ways';

export type Verdict =
  | { kind: 'matched' }
  /** The console follows GOODJOB.md instead of the recording. */
  | { kind: 'excepted'; reason: string }
  | { kind: 'not built' }
  | { kind: 'differing'; differences: string[] };

/** Replays one vector and compares the result with its expectation. */
export async function checkVector(vector: Vector, stage: ReplayDatabase): Promise<Verdict> {
  try {
    const situation = situationOf(vector, stage.app);
    if (!situation) return { kind: 'not built' };
    const exception = exceptionFor(vector, situation);
    const differences = await differencesFrom(
      () => exception?.expectation ?? recordedExpectation(vector),
      vector,
      situation,
      stage,
    );
    if (exception?.isBroken)
      differences.push(`the rules contradict the claim of the exception: ${exception.reason}`);
    if (differences.length === 0)
      return exception
        ? { kind: 'excepted', reason: `${flagsOf(vector).join(', ')}: ${exception.reason}` }
        : { kind: 'matched' };
    const alternative = expectationForWrongFlags(vector, situation);
    if (
      alternative &&
      (await differencesFrom(() => alternative.expectation, vector, situation, stage)).length === 0
    )
      return { kind: 'excepted', reason: alternative.reason };
    return { kind: 'differing', differences };
  } catch (error) {
    return { kind: 'differing', differences: [messageOf(error)] };
  }
}

async function differencesFrom(
  getExpectation: () => Expectation,
  vector: Vector,
  situation: Situation,
  stage: ReplayDatabase,
): Promise<string[]> {
  try {
    const expectation = getExpectation();
    const recordedAt = expectation.start === vector.before ? vector.now_before : vector.now_after;
    const observation = await stage.replay(expectation.start, recordedAt, situation);
    const extraQueues = new Set(
      situation.action === 'reschedule'
        ? expectation.start.good_jobs.map((job) => String(job.queue_name ?? 'default'))
        : [],
    );
    return compare(expectation, observation, { extraQueues });
  } catch (error) {
    return [messageOf(error)];
  }
}

/**
 * The expectation if the recording shows that its flags are wrong or missing; null if it does not.
 */
function expectationForWrongFlags(
  vector: Vector,
  situation: Situation,
): { expectation: Expectation; reason: string } | null {
  const flags = flagsOf(vector);
  const flagProblem =
    flags.length === 0 ? 'the flag is missing' : `the flag ${flags.join(', ')} is wrong`;
  const deviations = explainDeviations(vector, situation);
  if (deviations?.length)
    return {
      expectation: applyRules(vector, situation),
      reason: `${flagProblem}, ${deviations.map((deviation) => DEVIATIONS[deviation]).join('; ')}`,
    };
  if (deviations && recordedOutcomes(vector) === null)
    return {
      expectation: applyRules(vector, situation),
      reason: 'GoodJob raises a Ruby error and changes nothing; the console refuses with a reason',
    };
  if (deviations && flags.length > 0)
    return {
      expectation: recordedExpectation(vector),
      reason: `${flagProblem}: the recording follows the rules of GOODJOB.md`,
    };
  if (deviations || flags.includes('meanwhile') || !vector.name.includes('meanwhile')) return null;
  const meanwhile = exceptionFor(
    { ...vector, needs_app: false, defect: false, stricter: false, meanwhile: true },
    situation,
  );
  return meanwhile && !meanwhile.isBroken
    ? {
        expectation: meanwhile.expectation,
        reason: `${flagProblem}, meanwhile: ${meanwhile.reason}`,
      }
    : null;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
