import { ROLES, type Role, type Viewer } from './permissions';

/** The front door's word to the pages on who is asking; it takes away whatever a client sent under that name. */
export const VIEWER_HEADER = 'x-gjc-viewer';

/** Without sign-in, who has a session of this machine, or everybody in the open mode. */
export const LOCAL: Viewer = { id: 'local', role: 'admin' };

/** `role:id:email:name`: a header holds bytes, and a name may be in any script. */
export function encodeViewer({ role, id, email, name }: Viewer): string {
  return [role, id, email ?? '', name ?? ''].map(encodeURIComponent).join(':');
}

/** null: nobody was let in, and nothing may be shown. */
export function decodeViewer(header: string | null): Viewer | null {
  const [role = '', id = '', email = '', name = ''] = (header ?? '')
    .split(':')
    .map(decodeURIComponent);
  return isRole(role) && id !== '' ? { id, role, email: email || null, name: name || null } : null;
}

function isRole(role: string): role is Role {
  return ROLES.some((known) => known === role);
}
