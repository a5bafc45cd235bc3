/*
 * State that must exist once in a process. Next instantiates a module once for pages and again for Server Actions, and
 * the server before Next is a bundle of its own, so a variable of a module would exist several times.
 */
const shared = globalThis as typeof globalThis & { goodJobConsole?: Map<string, unknown> };

/**
 * The state of that name, created by whoever asks first. Plain data and functions only: an object of a class that
 * another instance of its module has made fails `instanceof`.
 */
export function processState<State>(name: string, create: () => State): State {
  const states = (shared.goodJobConsole ??= new Map());
  if (!states.has(name)) states.set(name, create());
  return states.get(name) as State;
}

/** A value that one part of the process sets and the others read. */
export const processValue = <Value>(name: string): { current?: Value } =>
  processState(name, () => ({}));
