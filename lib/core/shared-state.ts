import { AsyncLocalStorage } from 'node:async_hooks';

/*
 * State that must exist once per process. Next loads a module once for pages and again for Server
 * Actions, and the server in front of Next is a separate bundle, so module variables would exist
 * several times.
 */
const globalStore = globalThis as typeof globalThis & { goodJobConsole?: Map<string, unknown> };

/**
 * Returns the state with this name; the first caller creates it. State must be plain data and
 * functions: a class instance that another copy of its module created fails `instanceof`.
 */
export function processState<State>(name: string, create: () => State): State {
  globalStore.goodJobConsole ??= new Map();
  const states = globalStore.goodJobConsole;
  if (!states.has(name)) states.set(name, create());
  // The name determines the type, because each name has one caller.
  return states.get(name) as State;
}

/** Returns a holder for a value that one part of the process sets and others read. */
export const processValue = <Value>(name: string): { current?: Value } =>
  processState(name, () => ({}));

type Task = () => Promise<void>;

const tasks = processState('shutdown tasks', () => new Map<string, Task>());

/**
 * Registers a task to complete before the process exits; a second task with the same name replaces
 * the first.
 */
export function onShutdown(name: string, task: Task): void {
  tasks.set(name, task);
}

/**
 * Runs every task; a failure does not stop the others and is ignored. The server calls this on the
 * shutdown signal and again after its last request.
 */
export async function shutdown(): Promise<void> {
  await Promise.allSettled([...tasks.values()].map((task) => task()));
}

interface ResponseState {
  /** The status that the page has set. */
  status?: number;
  /** For the log. */
  requestId?: string;
  /** Values that the parts of the request share, by name. */
  shared?: Map<string, unknown>;
}

const storage = processState('response', () => new AsyncLocalStorage<ResponseState>());

/** Returns the id of the current request; undefined outside a request. */
export function currentRequestId(): string | undefined {
  return storage.getStore()?.requestId;
}

/**
 * Returns a value that all parts of the request share, created on first use; a new one on each call
 * outside a request.
 */
export function requestState<State>(name: string, create: () => State): State {
  const response = storage.getStore();
  if (!response) return create();
  response.shared ??= new Map();
  if (!response.shared.has(name)) response.shared.set(name, create());
  // The name determines the type, which a Map cannot express.
  return response.shared.get(name) as State;
}

/** Runs a request whose page can set `response.status` with `setResponseStatus`. */
export function withResponseState<T>(response: ResponseState, fn: () => T): T {
  return storage.run(response, fn);
}

/**
 * Sets the HTTP status of the current page, until the first byte is sent. Next itself supports only
 * 404, and a probe must not get 200 for a page about a database failure.
 */
export function setResponseStatus(status: number): void {
  const response = storage.getStore();
  if (response) response.status = status;
}
