/** Why an action was refused for a row; each is a message key `outcomes.refused.<code>` in both languages. */
export const REFUSAL_CODES = [
  /** `serialized_params` is null or no object: there is nothing that a worker could deserialize. */
  'params_not_an_object',
  /** No `job_class` in `serialized_params`. */
  'params_without_job_class',
  /** A key that Active Job reads has a type that it cannot read (a queue that is a number, …). */
  'params_of_wrong_type',
  /** The batch's callbacks must be enqueued, and the app's name in their GlobalID is not known. */
  'app_name_unknown',
] as const;
export type RefusalCode = (typeof REFUSAL_CODES)[number];

/** What became of one row. The set is closed; every one is a message in both languages. */
export type Outcome =
  | { id: string; outcome: 'done' }
  /** The row is not (any more) in a state that the action is for; nothing was changed. */
  | { id: string; outcome: 'conflict' }
  /** A worker or another session holds it; nothing was changed. `heldSince`: its process was last seen then. */
  | { id: string; outcome: 'locked'; processId?: string; processSeenAt?: string }
  | { id: string; outcome: 'missing' }
  | { id: string; outcome: 'refused'; code: RefusalCode };

/** Thrown inside a transaction to undo it: the action cannot be carried out for a reason that the reader can mend. */
export class Refusal extends Error {
  constructor(readonly code: RefusalCode) {
    super(code);
  }
}
