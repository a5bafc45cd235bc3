import type { IncomingMessage } from 'node:http';
import { actionOfForm, isActionId, isCallBody } from './action-body';
import type { BuildManifest } from './build-manifest';
import type { Refused } from './request-rules';

const BAD: Refused = { code: 'bad_action', status: 400 };
const UNKNOWN: Refused = { code: 'unknown_action', status: 404 };

/**
 * Judges a POST. To a route of the API it goes as it is, and the route reads it; where there is no such route Next would
 * read it as a Server Action, so it does not get there. Any other is an action.
 */
export function judgePost(
  request: IncomingMessage,
  address: string,
  body: Buffer,
  build: BuildManifest,
): { refused: Refused } | { page: string | null } {
  if (!address.startsWith('/api/')) return judgeAction(request, address, body, build);
  return build.pageOf(address)?.startsWith('/api/')
    ? { page: null }
    : { refused: { code: 'not_found', status: 404 } };
}

/**
 * Judges a POST to a page: it is a Server Action of this build with a body as the console's own pages send it, or it is
 * refused; Next answers most others with 500. `page`: where to send it instead, since the page that it was sent to has
 * not got the action. Next would then send it there itself, over HTTP and past the sign-in.
 */
function judgeAction(
  { headers }: IncomingMessage,
  address: string,
  body: Buffer,
  build: BuildManifest,
): { refused: Refused } | { page: string | null } {
  const type = headers['content-type'] ?? '';
  const sent = headers['next-action'];
  const isCall = sent !== undefined;
  const id = isCall ? String(sent) : actionOfForm(type, body);
  if (id === null || !isActionId(id)) return { refused: BAD };
  const pages = build.actionPages.get(id);
  if (!pages || pages.size === 0) return { refused: UNKNOWN };
  if (isCall && !isCallBody(type, body)) return { refused: BAD };
  const page = build.pageOf(address);
  if (page !== null && pages.has(page)) return { page: null };
  if (!isCall) return { refused: BAD };
  const all = [...pages];
  return { page: all.find((name) => !name.includes('[')) ?? all[0] ?? null };
}
