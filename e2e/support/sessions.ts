import type { Browser, BrowserContext } from 'playwright/test';

/*
 * Consoles without a sign-in require a local session. Every browser context gets the sessions of
 * all consoles of this test worker, whether they start before or after it.
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

/** Adds the session of a Cookie header; returns a function that removes it. */
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

async function addSessionCookies(context: BrowserContext): Promise<void> {
  contexts.add(context);
  context.once('close', () => contexts.delete(context));
  await context.addCookies(sessionCookies());
}

/** Makes every context of this browser start with the sessions. */
export function addSessionsToContexts(browser: Browser): void {
  const newContext = browser.newContext.bind(browser);
  browser.newContext = async (options) => {
    const context = await newContext(options);
    await addSessionCookies(context);
    return context;
  };
}
