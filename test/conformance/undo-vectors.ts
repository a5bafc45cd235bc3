import { compare } from './compare';
import { recordedExpectation } from './expectation';
import type { ReplayDatabase } from './replay';
import { type Json, type TableName, type Vector, readVectors } from './vector';
import type { Verdict } from './verdict';

/*
 * The console's own vectors: GoodJob has no undo, so undo-vectors.jsonl states what the undo of a
 * reschedule or a discard does to rows. The rows in `before` are those of recordings.
 */

/** A change by another session between the action and its undo. */
export type Change = { table: TableName; id: string } & (
  { set: Record<string, Json>; delete?: undefined } | { delete: true }
);

/** `held_advisory_locks` are held during the undo only. */
export interface UndoVector extends Vector {
  action: 'undo_reschedule' | 'undo_discard';
  /** Parameters of the action; without a time a reschedule is to now. */
  act?: { scheduled_at?: string };
  changes?: Change[];
  outcome: 'done' | 'conflict' | 'locked' | 'missing' | 'refused';
  /** The code of a refusal. */
  code?: string;
}

/** Reads the vectors of undo-vectors.jsonl. */
export async function readUndoVectors(): Promise<UndoVector[]> {
  const vectors = await readVectors(new URL('undo-vectors.jsonl', import.meta.url));
  return vectors as UndoVector[];
}

/** Replays the action, the changes of another session and the undo, and compares the result. */
export async function checkUndoVector(vector: UndoVector, stage: ReplayDatabase): Promise<Verdict> {
  try {
    const { code, ...observation } = await stage.replayUndo(vector);
    const outcomes = { [vector.target]: vector.outcome };
    const differences = compare({ ...recordedExpectation(vector), outcomes }, observation);
    if (code !== vector.code) differences.push(`code: expected ${vector.code}, got ${code}`);
    return differences.length === 0 ? { kind: 'matched' } : { kind: 'differing', differences };
  } catch (error) {
    return { kind: 'differing', differences: [String(error)] };
  }
}
