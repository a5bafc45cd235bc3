import { AsyncLocalStorage } from 'node:async_hooks';
import { processState } from '../core/process-state';

interface Answer {
  status?: number;
  /** For the log. */
  requestId?: string;
}

const storage = processState('response', () => new AsyncLocalStorage<Answer>());

/** The id of the request that is being answered; undefined outside of one. */
export function currentRequestId(): string | undefined {
  return storage.getStore()?.requestId;
}

/** Runs a request so that the page it renders can choose its status; `answer.status` holds the choice. */
export function withAnswer<T>(answer: Answer, fn: () => T): T {
  return storage.run(answer, fn);
}

/**
 * Sets the HTTP status of the page being rendered: Next itself offers 404 only, and a page that says "the
 * database does not answer" must not say 200 to a probe. Before the first byte only.
 */
export function setResponseStatus(status: number): void {
  const answer = storage.getStore();
  if (answer) answer.status = status;
}
