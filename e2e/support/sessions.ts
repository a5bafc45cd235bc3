import type { Browser, BrowserContext } from 'playwright/test';

/*
 * Consoles without sign-in answer who has a session of this machine. Every browser context of the tests gets the
 * sessions of all consoles that this worker has started, before and after the context.
 */
interface SessionCookie {
  name: string;
  value: string;
  domain: string;
  path: string;
  expires: number;
  httpOnly: boolean;
  secure: boolean;
  sameSite: 'Strict';
}

const cookies = new Map<string, SessionCookie>();
const contexts = new Set<BrowserContext>();

export const sessionCookies = (): SessionCookie[] => [...cookies.values()];

/** Adds a session, given as a Cookie header. Returns how to forget it. */
export async function addSession(cookie: string, basePath: string): Promise<() => void> {
  const [name = '', value = ''] = cookie.split('=');
  const session: SessionCookie = {
    name,
    value,
    domain: 'localhost',
    path: basePath || '/',
    expires: -1,
    httpOnly: true,
    secure: false,
    sameSite: 'Strict',
  };
  cookies.set(name, session);
  await Promise.all([...contexts].map((context) => context.addCookies([session])));
  return () => void cookies.delete(name);
}

export async function giveSessions(context: BrowserContext): Promise<void> {
  contexts.add(context);
  context.once('close', () => contexts.delete(context));
  await context.addCookies(sessionCookies());
}

/** Makes every context of this browser start with the sessions. */
export function giveSessionsOf(browser: Browser): void {
  const newContext = browser.newContext.bind(browser);
  browser.newContext = async (options) => {
    const context = await newContext(options);
    await giveSessions(context);
    return context;
  };
}
