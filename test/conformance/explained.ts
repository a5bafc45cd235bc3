import { stringify } from 'lossless-json';
import { compare } from './compare';
import { type Expectation, isObject, recorded } from './expectation';
import { recordedRows } from './recorded-observation';
import { ruled } from './rules';
import { type Situation, matching } from './situation';
import { type Json, type Row, type Vector, microseconds } from './vector';
import type { Way } from './ways';

/*
 * The flags of a recording are a judgement, and one may be wrong or missing. Where the rules and the recording differ
 * it must be for something that GoodJob is known to do otherwise (GOODJOB.md): the rules, changed by that alone, must
 * then give the recording to the last column. What remains a difference is one.
 */

/** Which of them can be, in this situation. */
function waysIn(vector: Vector, { action, bulk }: Situation): Way[] {
  const isRetry = action === 'retry' || action === 'batch_retry';
  const failed =
    vector.result !== 'ok' ||
    vector.http?.exception !== undefined ||
    vector.http?.flash?.alert !== undefined;
  const can: Record<Way, boolean> = {
    seesNoLock: vector.lock_strategy === 'skiplocked',
    forgetsBatch: action === 'discard' || action === 'force_discard',
    finishesEarly: action === 'batch_retry',
    operatorsLocale: action === 'batch_retry' && vector.http !== undefined,
    rewritesProperties: action === 'batch_retry',
    stopsHalfWay: action === 'batch_retry' && failed,
    ownTabs: bulk?.by === 'filter',
    rewritesArguments: isRetry,
    dropsKeys: isRetry,
    refusesByRuby: action === 'retry' && (failed || bulk !== null),
    halts: action === 'retry',
    classDecides: action === 'enqueue',
  };
  return (Object.keys(can) as Way[]).filter((way) => can[way]);
}

/** None, each alone, two at a time, …: the fewest that explain it. */
function subsets(ways: Way[]): Way[][] {
  const all = ways.reduce<Way[][]>(
    (sets, way) => [...sets, ...sets.map((set) => [...set, way])],
    [[]],
  );
  return all.sort((a, b) => a.length - b.length);
}

/**
 * Why the recording is not what the rules give: the fewest ways that explain all of it; none: it is what they give.
 * Null when nothing does.
 */
export function explained(vector: Vector, situation: Situation): Way[] | null {
  return (
    subsets(waysIn(vector, situation)).find((ways) => gives(vector, situation, new Set(ways))) ??
    null
  );
}

function gives(vector: Vector, situation: Situation, ways: ReadonlySet<Way>): boolean {
  const ids = ways.has('ownTabs') ? matching(vector, isInGoodJobsTab(vector)) : situation.ids;
  const expectation = ruled(vector, { ...situation, ids }, vector.before, ways);
  if (compare({ ...expectation, outcomes: {} }, recordedRows(vector)).length > 0) return false;
  // It tells at what it stopped, and not what became of the others.
  if (ways.has('stopsHalfWay')) return true;
  const outcomes = recordedOutcomes(vector);
  if (outcomes === null)
    return ways.has('halts') || !Object.values(expectation.outcomes).includes('done');
  return stringify(outcomes) === stringify(comparable(expectation.outcomes, outcomes));
}

/** Null for an error that has no name in the recording's README: something in Ruby went wrong, and so nothing was done. */
export function recordedOutcomes(vector: Vector): Expectation['outcomes'] | null {
  try {
    return recorded(vector).outcomes;
  } catch {
    return null;
  }
}

/** Of a bulk action over HTTP only the number is told. */
function comparable(
  outcomes: Expectation['outcomes'],
  like: Expectation['outcomes'],
): Expectation['outcomes'] {
  return typeof like.doneCount === 'number'
    ? { doneCount: Object.values(outcomes).filter((one) => one === 'done').length }
    : outcomes;
}

/** GoodJob::Job.scheduled and its like. */
function isInGoodJobsTab({ now_before }: Vector) {
  return (row: Row, state: string): boolean => {
    const executions = isObject<Json>(row.serialized_params)
      ? Number(String(row.serialized_params.executions ?? NaN))
      : NaN;
    const isLater =
      typeof row.scheduled_at === 'string' &&
      microseconds(row.scheduled_at) > microseconds(now_before);
    switch (state) {
      case 'scheduled':
        return row.finished_at === null && isLater && executions < 2;
      case 'retried':
        return row.finished_at === null && isLater && executions > 1;
      case 'queued':
        return (
          row.finished_at === null &&
          row.performed_at === null &&
          row.scheduled_at !== null &&
          !isLater
        );
      case 'running':
        return row.finished_at === null && row.performed_at !== null;
      case 'succeeded':
      case 'discarded':
        return row.finished_at !== null && (row.error === null) === (state === 'succeeded');
      default:
        return true;
    }
  };
}
