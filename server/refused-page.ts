import type { IncomingMessage, ServerResponse } from 'node:http';
import { PREFERENCES, type Locale } from '../lib/core/locale';
import en from '../messages/en.json';
import ja from '../messages/ja.json';
import type { AuthResponse } from './auth/types';
import type { RequestRefusal } from './request-rules';

const MESSAGES = { en, ja };
type Label = keyof typeof en.gateway;
/** A form with one button that POSTs, or a link. */
type RecoveryLink = { form: string; label: Label } | { href: string; label: Label };

const escape = (text: string) => text.replace(/[&<>"']/g, (char) => `&#${char.charCodeAt(0)};`);

interface PageContent {
  heading: string;
  text: string;
  links: RecoveryLink[];
  note?: string;
  /** Trusted HTML; everything else is escaped. */
  head?: string;
}

/** Sends a page without scripts or styles in the viewer's language. */
function sendPage(
  request: IncomingMessage,
  response: ServerResponse,
  { heading, text, links, note, head = '' }: PageContent,
): void {
  const locale = localeOf(request);
  const messages = MESSAGES[locale].gateway;
  const linksHtml = links.map((link) =>
    'href' in link
      ? `<p><a id="continue" href="${escape(link.href)}">${messages[link.label]}</a></p>`
      : `<form method="post" action="${escape(link.form)}">` +
        `<button>${messages[link.label]}</button></form>`,
  );
  const noteHtml = note ? `<p><small>${escape(note)}</small></p>` : '';
  response.setHeader('Content-Type', 'text/html; charset=utf-8');
  response.end(
    `<!doctype html><html lang="${locale}"><meta charset="utf-8">` +
      `<meta name="viewport" content="width=device-width">${head}` +
      `<title>${escape(heading)}</title><h1>${escape(heading)}</h1><p>${escape(text)}</p>` +
      `${linksHtml.join('')}${noteHtml}</html>\n`,
  );
}

function localeOf(request: IncomingMessage): Locale {
  return request.headers[PREFERENCES.locale.header] === 'ja' ? 'ja' : 'en';
}

/** Sends a refusal as a code to scripts (Server Action, API) and as a page to everyone else. */
export function sendRefused(
  request: IncomingMessage,
  response: ServerResponse,
  {
    refused,
    links,
    isApi,
    requestId,
  }: { refused: RequestRefusal; links: RecoveryLink[]; isApi: boolean; requestId: string },
): void {
  const { code, status } = refused;
  response.statusCode = status;
  if (status === 405) response.setHeader('Allow', 'GET, HEAD, POST');
  if (status === 413) response.setHeader('Connection', 'close');
  if (request.headers['next-action'] !== undefined) {
    // Next's client uses the body as the error message only with exactly this type.
    response.setHeader('Content-Type', 'text/plain');
    response.end(code);
  } else if (isApi) {
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify({ error: code }));
  } else {
    const messages = MESSAGES[localeOf(request)].gateway;
    sendPage(request, response, {
      heading: messages.heading.replace('{status}', String(status)),
      text: messages[code],
      links,
      note: messages.reference.replace('{id}', requestId),
    });
  }
}

/** Sends a page of the sign-out flow. */
export function sendAuthPage(
  request: IncomingMessage,
  response: ServerResponse,
  { page, href, isAutomatic }: AuthResponse & { kind: 'page' },
): void {
  const messages = MESSAGES[localeOf(request)].gateway;
  const head = isAutomatic ? `<meta http-equiv="refresh" content="0; url=${escape(href)}">` : '';
  sendPage(request, response, {
    heading: messages.signed_out_heading,
    text: messages[page],
    links: [{ href, label: isAutomatic ? 'continue' : 'sign_in' }],
    head,
  });
}
