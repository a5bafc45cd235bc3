import { stringify } from 'lossless-json';
import { compare } from './compare';
import { type Expectation, isObject, recordedExpectation } from './expectation';
import { recordedRows } from './recorded-observation';
import { applyRules } from './rules';
import { type Situation, matchingIds } from './situation';
import { type Json, type Row, type Vector, microseconds } from './vector';
import type { Deviation } from './ways';

/*
 * Checks the flags of a recording, which are set by hand and may be wrong. If a recording differs
 * from the rules, then the rules together with known deviations of GoodJob (GOODJOB.md) must give
 * the same value in every column.
 */

/** The deviations that are possible in this situation. */
function possibleDeviations(vector: Vector, { action, bulk }: Situation): Deviation[] {
  const isRetry = action === 'retry' || action === 'batch_retry';
  const hasFailed =
    vector.result !== 'ok' ||
    vector.http?.exception !== undefined ||
    vector.http?.flash?.alert !== undefined;
  const isPossible: Record<Deviation, boolean> = {
    ignoresLocks: vector.lock_strategy === 'skiplocked',
    skipsCompletionCheck: action === 'discard' || action === 'force_discard',
    finishesEarly: action === 'batch_retry',
    usesOperatorLocale: action === 'batch_retry' && vector.http !== undefined,
    rewritesProperties: action === 'batch_retry',
    stopsHalfWay: action === 'batch_retry' && hasFailed,
    usesOwnTabs: bulk?.by === 'filter',
    rewritesArguments: isRetry,
    dropsKeys: isRetry,
    isRefusedByClass: action === 'retry' && (hasFailed || bulk !== null),
    isHaltedByCallback: action === 'retry',
    isDecidedByClass: action === 'enqueue',
  };
  return (Object.keys(isPossible) as Deviation[]).filter((deviation) => isPossible[deviation]);
}

/** All subsets, the smallest first. */
function subsets(deviations: Deviation[]): Deviation[][] {
  const all = deviations.reduce<Deviation[][]>(
    (sets, deviation) => [...sets, ...sets.map((set) => [...set, deviation])],
    [[]],
  );
  return all.sort((a, b) => a.length - b.length);
}

/**
 * The smallest set of deviations that explains the whole recording; empty if it follows the rules,
 * null if no set explains it.
 */
export function explainDeviations(vector: Vector, situation: Situation): Deviation[] | null {
  const candidates = subsets(possibleDeviations(vector, situation));
  return candidates.find((set) => explains(vector, situation, new Set(set))) ?? null;
}

function explains(
  vector: Vector,
  situation: Situation,
  deviations: ReadonlySet<Deviation>,
): boolean {
  const ids = deviations.has('usesOwnTabs')
    ? matchingIds(vector, isInGoodJobsTab(vector))
    : situation.ids;
  const expectation = applyRules(vector, { ...situation, ids }, vector.before, deviations);
  if (compare({ ...expectation, outcomes: {} }, recordedRows(vector)).length > 0) return false;
  // GoodJob reports only the member at which it stopped.
  if (deviations.has('stopsHalfWay')) return true;
  const outcomes = recordedOutcomes(vector);
  if (outcomes === null)
    return (
      deviations.has('isHaltedByCallback') || !Object.values(expectation.outcomes).includes('done')
    );
  return stringify(outcomes) === stringify(comparable(expectation.outcomes, outcomes));
}

/** The recorded outcomes; null for an error that is not in the recording's README. */
export function recordedOutcomes(vector: Vector): Expectation['outcomes'] | null {
  try {
    return recordedExpectation(vector).outcomes;
  } catch {
    return null;
  }
}

/** Reduces the outcomes to their number if `like` has only that, as for a bulk action over HTTP. */
function comparable(
  outcomes: Expectation['outcomes'],
  like: Expectation['outcomes'],
): Expectation['outcomes'] {
  return typeof like.doneCount === 'number'
    ? { doneCount: Object.values(outcomes).filter((one) => one === 'done').length }
    : outcomes;
}

/** The scopes of GoodJob's tabs, such as `GoodJob::Job.scheduled`. */
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
