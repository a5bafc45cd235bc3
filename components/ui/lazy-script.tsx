'use client';

import { type ReactNode, createContext, lazy, useContext } from 'react';

const MissingScript = createContext<ReactNode>(null);
/** `value` replaces a component whose script the server no longer has. */
export const MissingScriptProvider = MissingScript.Provider;

function Missing() {
  return useContext(MissingScript);
}

/** Handles a failed import without losing the page and its input. */
export function orMissingScript(error: unknown): { default: () => ReactNode } {
  if (error instanceof Error && error.name === 'ChunkLoadError') return { default: Missing };
  throw error;
}

/** React's `lazy` for a script that a newer release of the console may have removed. */
export const lazyScript: typeof lazy = (load) =>
  lazy(() => load().catch(orMissingScript) as ReturnType<typeof load>);

/** Loads a script early; errors surface when the component renders. */
export function preload(load: () => Promise<unknown>): void {
  load().catch(() => undefined);
}
