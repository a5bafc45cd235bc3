import { controlRun, startBulk } from '../../lib/bulk/mutations';
import { previewBulk } from '../../lib/bulk/preview';
import { getActiveRun } from '../../lib/bulk/runner';
import { contextFor } from '../../lib/context/request-context';
import { shutdown } from '../../lib/core/process-state';
import { openDatabase } from '../../lib/db/database';
import { GoodJobTables, detectSchema } from '../../lib/good-job/tables';
import { CONSOLE } from './stage';

/*
 * A console server for bulk runs as a process that a test can kill. Its first argument is a JSON of
 * BulkRunnerOptions.
 */

export interface BulkRunnerOptions {
  url: string;
  start?: { action: 'retry' | 'discard' | 'reschedule' | 'destroy'; query: string };
  /** The id of the run to resume. */
  resume?: string;
}

const { url, start, resume } = JSON.parse(process.argv[2] ?? '{}') as BulkRunnerOptions;
const db = openDatabase({ url, caFile: null, poolSize: 2, applicationName: CONSOLE });
const tables = new GoodJobTables(await db.read((tx) => detectSchema(tx, 'public')), {
  appName: 'race-app',
  locale: 'en',
  timeZone: 'UTC',
  dequeueQuerySort: 'created_at',
});
const ctx = contextFor({
  viewer: { id: 'racer', role: 'admin' },
  db,
  tables,
  consoleSchema: true,
  bulkRuns: true,
  requestId: 'race',
  readOnly: false,
});

process.on('SIGTERM', () => void shutdown().then(() => process.exit(0)));

let runId = resume ?? '';
if (start) {
  const { target, cutOff, total } = await previewBulk(ctx, start.action, {
    kind: 'filter',
    query: start.query,
    batchId: null,
  });
  const started = await startBulk(ctx, {
    action: start.action,
    target,
    scheduledAt: null,
    cutOff,
    expected: total,
    confirmedCount: total.count,
  });
  if (started.kind !== 'started') throw new Error(`The run was not started: ${started.kind}.`);
  runId = started.runId;
}
const outcome = resume ? await controlRun(ctx, resume, 'resume') : 'done';
process.send?.({ runId, outcome });
await getActiveRun(runId)?.ended;
await db.close();
process.disconnect();
