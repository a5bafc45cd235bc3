import { compare } from './compare';
import { excepted } from './exceptions';
import { recorded } from './expectation';
import type { Stage } from './replay';
import { situationOf } from './situation';
import { type Vector, flagsOf } from './vector';

export type Verdict =
  | { kind: 'matched' }
  /** As GOODJOB.md says, not as recorded. */
  | { kind: 'excepted'; reason: string }
  | { kind: 'not built' }
  | { kind: 'differing'; differences: string[] };

/** Replays one vector on the stage and judges what came out. */
export async function verdictOn(vector: Vector, stage: Stage): Promise<Verdict> {
  try {
    const situation = situationOf(vector);
    if (!situation) return { kind: 'not built' };
    const exception = excepted(vector, situation);
    const expectation = exception?.expectation ?? recorded(vector);
    const recordedAt = expectation.start === vector.before ? vector.now_before : vector.now_after;
    const observation = await stage.replay(expectation.start, recordedAt, situation);
    const extraQueues = new Set(situation.action === 'reschedule' ? expectation.start.good_jobs.map((job) => String(job.queue_name ?? 'default')) : []);
    const differences = compare(expectation, observation, { extraQueues });
    if (exception?.broken) differences.push(`the rules do not give what this kind of exception is for: ${exception.reason}`);
    if (differences.length > 0) return { kind: 'differing', differences };
    return exception ? { kind: 'excepted', reason: `${flagsOf(vector).join(', ')}: ${exception.reason}` } : { kind: 'matched' };
  } catch (error) {
    return { kind: 'differing', differences: [error instanceof Error ? (error.stack ?? error.message) : String(error)] };
  }
}
