import { readFileSync } from 'node:fs';

/*
 * A console without sign-in opens with a start token alone. Whoever starts one for tests or measurements signs in
 * as an operator does: with the link that the server wrote for this user.
 */

/** Exchanges a start token for the Cookie header of a session. `base` is the origin and the base path; `origin` that of PUBLIC_URL. */
export async function signInLocally(
  base: string,
  token: string,
  origin: string = new URL(base).origin,
): Promise<string> {
  const answer = await fetch(`${base}/auth/start`, {
    method: 'POST',
    headers: { Origin: origin },
    body: new URLSearchParams({ token }),
    redirect: 'manual',
  });
  await answer.arrayBuffer();
  const cookie = answer.headers.getSetCookie()[0]?.split(';')[0];
  if (answer.status !== 303 || !cookie)
    throw new Error(`The start token was answered with ${answer.status}.`);
  return cookie;
}

/** The file that the server named in its output; null where none was (yet). */
export function linkFileIn(output: string): string | null {
  return /The link to open it is in the file ([^"\n]+)/.exec(output)?.[1] ?? null;
}

/** The token of the link in that file. */
export function tokenIn(file: string): string {
  return readFileSync(file, 'utf8').trim().split('#')[1] ?? '';
}
