import type { ErrorCode } from '@/lib/errors';

/** What the front door may answer in an action's place; its code is the error's message then. */
const DOOR: ErrorCode[] = ['signed_out', 'no_role', 'too_many_requests'];

/** What is shown when an action could not even be asked for. */
export function actionFailed(error: unknown): { ok: false; error: ErrorCode } {
  return { ok: false, error: doorCode(error) ?? 'unexpected' };
}

/** null: some other error. */
export function doorCode(error: unknown): ErrorCode | null {
  return (error instanceof Error && DOOR.find((code) => code === error.message)) || null;
}
