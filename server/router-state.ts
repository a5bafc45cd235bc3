import { parseAndValidateFlightRouterState } from 'next/dist/server/app-render/parse-and-validate-flight-router-state';
import type { IncomingMessage } from 'node:http';

const HEADER = 'next-router-state-tree';

/**
 * Removes an invalid router state header, for which Next would answer 500. The header only says
 * what the client has rendered; without it Next sends the whole page.
 */
export function dropUnreadableRouterState({ headers }: IncomingMessage): void {
  if (headers[HEADER] === undefined) return;
  try {
    parseAndValidateFlightRouterState(headers[HEADER]);
  } catch {
    delete headers[HEADER];
  }
}
