import { compare } from './compare';
import { excepted } from './exceptions';
import { type Expectation, recorded } from './expectation';
import { explained, recordedOutcomes } from './explained';
import type { Stage } from './replay';
import { ruled } from './rules';
import { type Situation, situationOf } from './situation';
import { type Vector, flagsOf } from './vector';
import { WAYS } from './ways';

export type Verdict =
  | { kind: 'matched' }
  /** As GOODJOB.md says, not as recorded. */
  | { kind: 'excepted'; reason: string }
  | { kind: 'not built' }
  | { kind: 'differing'; differences: string[] };

/** Replays one vector on the stage and judges what came out. */
export async function verdictOn(vector: Vector, stage: Stage): Promise<Verdict> {
  try {
    const situation = situationOf(vector, stage.app);
    if (!situation) return { kind: 'not built' };
    const exception = excepted(vector, situation);
    const differences = await differencesFrom(
      () => exception?.expectation ?? recorded(vector),
      vector,
      situation,
      stage,
    );
    if (exception?.broken)
      differences.push(
        `the rules do not give what this kind of exception is for: ${exception.reason}`,
      );
    if (differences.length === 0)
      return exception
        ? { kind: 'excepted', reason: `${flagsOf(vector).join(', ')}: ${exception.reason}` }
        : { kind: 'matched' };
    const other = otherwise(vector, situation);
    if (
      other &&
      (await differencesFrom(() => other.expectation, vector, situation, stage)).length === 0
    )
      return { kind: 'excepted', reason: other.reason };
    return { kind: 'differing', differences };
  } catch (error) {
    return { kind: 'differing', differences: [messageOf(error)] };
  }
}

async function differencesFrom(
  expected: () => Expectation,
  vector: Vector,
  situation: Situation,
  stage: Stage,
): Promise<string[]> {
  try {
    const expectation = expected();
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

/** What must come out when the vector's flags are wrong or missing, which the recording itself shows; null: it shows nothing of the kind. */
function otherwise(
  vector: Vector,
  situation: Situation,
): { expectation: Expectation; reason: string } | null {
  const flags = flagsOf(vector);
  const wrong =
    flags.length === 0 ? 'the flag is missing' : `the flag ${flags.join(', ')} is wrong`;
  const ways = explained(vector, situation);
  if (ways?.length)
    return {
      expectation: ruled(vector, situation),
      reason: `${wrong}, ${ways.map((way) => WAYS[way]).join('; ')}`,
    };
  if (ways && recordedOutcomes(vector) === null)
    return {
      expectation: ruled(vector, situation),
      reason:
        "GoodJob fails with an error of Ruby's and changes nothing: nor does the console, which says why",
    };
  if (ways && flags.length > 0)
    return {
      expectation: recorded(vector),
      reason: `${wrong}: GOODJOB.md's rules give what was recorded`,
    };
  if (ways || flags.includes('meanwhile') || !vector.name.includes('meanwhile')) return null;
  const meanwhile = excepted(
    { ...vector, needs_app: false, defect: false, stricter: false, meanwhile: true },
    situation,
  );
  return meanwhile && !meanwhile.broken
    ? { expectation: meanwhile.expectation, reason: `${wrong}, meanwhile: ${meanwhile.reason}` }
    : null;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
