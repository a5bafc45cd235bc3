import type { IncomingMessage, ServerResponse } from 'node:http';
import { PREFERENCES, type Locale } from '../lib/core/locale';
import en from '../messages/en.json';
import ja from '../messages/ja.json';
import type { AuthResponse } from './auth/types';
import type { Refused } from './request-rules';

const MESSAGES = { en, ja };
type Door = typeof en.door;
type Way = { form: string; label: keyof Door } | { href: string; label: keyof Door };

const escape = (text: string) => text.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);

/** A plain page in the reader's language. `head` is HTML of ours; everything else is text. */
function page(
  request: IncomingMessage,
  response: ServerResponse,
  {
    heading,
    text,
    ways,
    note,
    head = '',
  }: { heading: string; text: string; ways: Way[]; note?: string; head?: string },
): void {
  const locale = localeOf(request);
  const messages = MESSAGES[locale].door;
  const links = ways.map((way) =>
    'href' in way
      ? `<p><a id="continue" href="${escape(way.href)}">${messages[way.label]}</a></p>`
      : `<form method="post" action="${escape(way.form)}"><button>${messages[way.label]}</button></form>`,
  );
  response.setHeader('Content-Type', 'text/html; charset=utf-8');
  response.end(
    `<!doctype html><html lang="${locale}"><meta charset="utf-8"><meta name="viewport" content="width=device-width">${head}<title>${escape(heading)}</title><h1>${escape(heading)}</h1><p>${escape(text)}</p>${links.join('')}${note ? `<p><small>${escape(note)}</small></p>` : ''}</html>\n`,
  );
}

function localeOf(request: IncomingMessage): Locale {
  return request.headers[PREFERENCES.locale.header] === 'ja' ? 'ja' : 'en';
}

/** In the form in which whoever asked can tell it: a code for a page's own requests, a sentence for a reader. */
export function sendRefused(
  request: IncomingMessage,
  response: ServerResponse,
  {
    refused,
    ways,
    api,
    requestId,
  }: { refused: Refused; ways: Way[]; api: boolean; requestId: string },
): void {
  const { code, status } = refused;
  response.statusCode = status;
  if (status === 405) response.setHeader('Allow', 'GET, HEAD, POST');
  if (status === 413) response.setHeader('Connection', 'close');
  if (request.headers['next-action'] !== undefined) {
    // Next's client makes the text of exactly this type the error's message.
    response.setHeader('Content-Type', 'text/plain');
    response.end(code);
  } else if (api) {
    response.setHeader('Content-Type', 'application/json');
    response.end(JSON.stringify({ error: code }));
  } else {
    const messages = MESSAGES[localeOf(request)].door;
    page(request, response, {
      heading: messages.heading.replace('{status}', String(status)),
      text: messages[code],
      ways,
      note: messages.reference.replace('{id}', requestId),
    });
  }
}

/** The pages around signing in and out. */
export function sendDoorPage(
  request: IncomingMessage,
  response: ServerResponse,
  { page: name, href, goesOn }: AuthResponse & { kind: 'page' },
): void {
  const messages = MESSAGES[localeOf(request)].door;
  const head = goesOn ? `<meta http-equiv="refresh" content="0; url=${escape(href)}">` : '';
  page(request, response, {
    heading: messages.signed_out_heading,
    text: messages[name],
    ways: [{ href, label: goesOn ? 'go_on' : 'sign_in' }],
    head,
  });
}
