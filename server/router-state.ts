import { parseAndValidateFlightRouterState } from 'next/dist/server/app-render/parse-and-validate-flight-router-state';
import type { IncomingMessage } from 'node:http';

const HEADER = 'next-router-state-tree';

/**
 * Takes a router state that Next cannot read off a request: it only says what the page has already, and Next answers one
 * that it cannot read with 500. Without it all of the page is sent.
 */
export function dropUnreadableRouterState({ headers }: IncomingMessage): void {
  if (headers[HEADER] === undefined) return;
  try {
    parseAndValidateFlightRouterState(headers[HEADER]);
  } catch {
    delete headers[HEADER];
  }
}
