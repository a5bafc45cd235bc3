// Replaces the package `server-only`, which throws on import outside of a server build.
export {};
