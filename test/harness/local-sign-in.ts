import { readFileSync } from 'node:fs';

/*
 * A console with AUTH_MODE=none needs a start token. Tests and measurements sign in as an operator
 * does: with the link that the server wrote to a file.
 */

/**
 * Exchanges a start token for the Cookie header of a session. `base` is origin and base path;
 * `origin` is that of PUBLIC_URL.
 */
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
    throw new Error(`The start token was refused with status ${answer.status}.`);
  return cookie;
}

/** The path of the link file that the server printed; null if it has not printed one yet. */
export function findLinkFile(output: string): string | null {
  return /The link to open it is in the file ([^"\n]+)/.exec(output)?.[1] ?? null;
}

/** The token in a link file. */
export function readLinkToken(file: string): string {
  return readFileSync(file, 'utf8').trim().split('#')[1] ?? '';
}
