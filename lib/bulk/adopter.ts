import 'server-only';
import { detected, serverContext } from '../ctx';
import { env } from '../env';
import { ConsoleError } from '../errors';
import { onShutdown } from '../shutdown';
import { adoptRuns } from './adoption';
import { stopRuns } from './runner';

/** Longer than a rolling restart takes to start the next server, and well below the 30 s that the docs promise. */
const EVERY_MS = 5_000;

/** Modules are instantiated more than once in one server; its timer must not be. */
const shared = globalThis as typeof globalThis & { goodJobConsoleAdopter?: NodeJS.Timeout };

/** Looks for abandoned runs from now on, unless this server may not write. */
export function startAdopter(): void {
  if (env().readOnly || shared.goodJobConsoleAdopter) return;
  onShutdown('bulk runs', stopRuns);
  let isBusy = false;
  shared.goodJobConsoleAdopter = setInterval(() => {
    if (isBusy) return;
    isBusy = true;
    void adopt().finally(() => (isBusy = false));
  }, EVERY_MS).unref();
}

async function adopt(): Promise<void> {
  try {
    const { schema, bulkRuns } = await detected();
    if (schema.problem || !bulkRuns) return;
    const ctx = await serverContext({ id: 'console', role: 'viewer' }, 'adoption');
    for (const id of await adoptRuns(ctx, serverContext))
      console.log(`Bulk run ${id} was abandoned; this server continues it.`);
  } catch (error) {
    // A database that is away is reported by the requests that need it.
    if (!(error instanceof ConsoleError)) console.error(error);
  }
}
