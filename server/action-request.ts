import type { IncomingMessage } from 'node:http';
import { actionOfForm, isActionId, isCallBody } from './action-body';
import type { BuildManifest } from './build-manifest';
import type { RequestRefusal } from './request-rules';

const BAD: RequestRefusal = { code: 'bad_action', status: 400 };
const UNKNOWN: RequestRefusal = { code: 'unknown_action', status: 404 };

/**
 * Resolves a POST to the page that Next should run it on; `page: null` keeps the URL. A POST to an
 * unknown `/api/` route returns 404 here, because Next would parse it as a Server Action.
 */
export function resolvePost(
  request: IncomingMessage,
  address: string,
  body: Buffer,
  build: BuildManifest,
): { refused: RequestRefusal } | { page: string | null } {
  if (!address.startsWith('/api/')) return resolveAction(request, address, body, build);
  return build.pageOf(address)?.startsWith('/api/')
    ? { page: null }
    : { refused: { code: 'not_found', status: 404 } };
}

/**
 * Refuses everything but a well-formed Server Action of this build, because Next answers 500.
 * If the requested page lacks the action, `page` is one that has it: Next would forward the request
 * to that page itself, over HTTP and without the viewer's authentication.
 */
function resolveAction(
  { headers }: IncomingMessage,
  address: string,
  body: Buffer,
  build: BuildManifest,
): { refused: RequestRefusal } | { page: string | null } {
  const type = headers['content-type'] ?? '';
  const actionHeader = headers['next-action'];
  const isCall = actionHeader !== undefined;
  const id = isCall ? String(actionHeader) : actionOfForm(type, body);
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
