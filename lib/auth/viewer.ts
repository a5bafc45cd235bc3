import type { Viewer } from './permissions';

/** Without AUTH_MODE nobody signs in: only this machine reaches the server, and whoever sits at it is the admin. */
export function viewerOf(): Viewer {
  return { id: 'local', role: 'admin' };
}
