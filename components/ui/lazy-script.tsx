'use client';

import { type ReactNode, createContext, lazy, useContext } from 'react';

const MissingScript = createContext<ReactNode>(null);
/** `value` is rendered in place of a component whose script the server no longer has. */
export const MissingScriptProvider = MissingScript.Provider;

function Missing() {
  return useContext(MissingScript);
}

/** Handles the rejection of an import: the page stays as it is, with what was typed in it. */
export function orMissing(error: unknown): { default: () => ReactNode } {
  if (error instanceof Error && error.name === 'ChunkLoadError') return { default: Missing };
  throw error;
}

/** React's `lazy` for a script that a newer release of the console may have removed. */
export const lazyScript: typeof lazy = (load) =>
  lazy(() => load().catch(orMissing) as ReturnType<typeof load>);

/** Loads a script early; a failure shows when it is used. */
export function preload(load: () => Promise<unknown>): void {
  load().catch(() => undefined);
}
