import type { IncomingMessage, ServerResponse } from 'node:http';
import { PREFERENCES, isTheme } from '../../lib/core/locale';
import en from '../../messages/en.json';
import ja from '../../messages/ja.json';
import { START_PATH } from './local-access';
import type { AuthResponse } from './types';

const MESSAGES = { en: en.start, ja: ja.start };
const COMMAND = 'npm run token';

/**
 * Submits the token from the URL fragment, which appears in no log, and removes it from the URL.
 */
const SCRIPT = `
const send = () => {
  const token = location.hash.slice(1);
  if (!token) return;
  history.replaceState(null, '', location.pathname + location.search);
  const form = document.querySelector('form');
  form.elements.token.value = token;
  form.submit();
};
addEventListener('hashchange', send);
send();
`;

const STYLE = `
:root { color-scheme: light dark; font: 14px/1.6 system-ui, sans-serif; }
[lang=ja] { line-break: strict; word-break: auto-phrase; }
[data-theme=light] { color-scheme: light; }
[data-theme=dark] { color-scheme: dark; }
body { margin: 0; background: light-dark(#f5f6f8, #12161b); color: light-dark(#1a1f26, #e4e8ed); }
main { max-width: 34rem; margin: 12vh auto 0; padding: 1.5rem; }
h1 { margin: 0 0 .75rem; font-size: 1.4rem; }
a { color: light-dark(#0a5aa8, #77b5f2); }
code {
  display: block; margin: .5rem 0; padding: .6rem .8rem; border-radius: 6px;
  background: light-dark(#e7eaee, #1d232b); font: 13px/1.5 ui-monospace, monospace;
  user-select: all;
}
[role=alert] {
  padding: .6rem .8rem; border-radius: 6px; font-weight: 500;
  background: light-dark(#fcebea, #3b1d1b); color: light-dark(#b3261e, #f59a92);
}
form { display: flex; flex-wrap: wrap; gap: .5rem; align-items: end; margin: 1.25rem 0; }
label { flex: 1 1 16rem; font-weight: 500; }
input {
  box-sizing: border-box; width: 100%; margin-top: .25rem; padding: .5rem .6rem;
  border: 1px solid light-dark(#868f9b, #76818e); border-radius: 6px;
  background: light-dark(#fff, #1d232b); color: inherit; font: 13px/1.5 ui-monospace, monospace;
}
button {
  padding: .55rem 1rem; border: 0; border-radius: 6px; cursor: pointer;
  background: light-dark(#0a5aa8, #77b5f2); color: light-dark(#fff, #0b1a2a);
  font: inherit; font-weight: 500;
}
:focus-visible { outline: 2px solid light-dark(#0a5aa8, #77b5f2); outline-offset: 2px; }
`;

const escape = (text: string) => text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);

/**
 * Sends /auth/start, which explains how to get a link and accepts a token without JavaScript too.
 */
export function sendStartPage(
  request: IncomingMessage,
  response: ServerResponse,
  {
    problem,
    returnTo,
    canContinue,
    basePath,
    nonce,
  }: AuthResponse & { kind: 'start' } & { basePath: string; nonce: string },
): void {
  const locale = request.headers[PREFERENCES.locale.header] === 'ja' ? 'ja' : 'en';
  const theme = request.headers[PREFERENCES.theme.header];
  const messages = MESSAGES[locale];
  response.statusCode = problem?.status ?? 200;
  if (problem?.status === 429) response.setHeader('Retry-After', String(problem.retryAfterSeconds));
  response.setHeader('Content-Type', 'text/html; charset=utf-8');
  const themeAttribute =
    typeof theme === 'string' && isTheme(theme) && theme !== 'auto' ? ` data-theme="${theme}"` : '';
  const alert = problem ? `<p role="alert">${messages[problem.code]}</p>` : '';
  const link = canContinue ? `<p><a href="${escape(returnTo)}">${messages.continue}</a></p>` : '';
  response.end(`<!doctype html>
<html lang="${locale}"${themeAttribute}>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${messages.heading} – GoodJob Console</title>
<link rel="icon" href="${escape(basePath)}/icon.svg">
<style nonce="${nonce}">${STYLE}</style>
</head>
<body>
<main>
<h1>${messages.heading}</h1>
${alert}
<p>${messages.intro}</p>
<p>${messages.command}</p>
<code>${COMMAND}</code>
<p>${messages.link}</p>
<form method="post" action="${escape(basePath)}${START_PATH}">
<input type="hidden" name="return_to" value="${escape(returnTo)}">
<label>${messages.label}<input name="token" required autocomplete="off" autocapitalize="off" spellcheck="false"></label>
<button>${messages.submit}</button>
</form>
${link}
</main>
<script nonce="${nonce}">${SCRIPT}</script>
</body>
</html>
`);
}
