import { DISABLED_CRON_KEYS } from './cron';
import type { DemoContext } from './history';
import type { ProcessRow } from './rows';
import { DAY, HOUR, MINUTE, type Micros, columnTime } from './time';

/** A process that was killed while it ran jobs, which stay running until a user releases them. */
export const DEAD_WORKER = '5e0f7c1a-93d4-4c1b-8d3e-6a2f0b9c4e17';
const OLD_WEB_PROCESS = 'c2b9e6d8-14f7-4a35-9b60-7d8e1f20a3c5';

const PAUSED = {
  queues: ['低優先'],
  job_classes: ['Exports::CustomerCsvJob'],
  labels: ['要確認'],
};
/** The age of the pauses. */
export const PAUSED_FOR = 2 * HOUR;

export interface SchedulerState {
  queues: string;
  maxThreads: number;
  activeThreads: number;
  succeeded: number;
  errored: number;
}

/** Returns the `state` of a process row as `GoodJob::Process.process_state` writes it. */
export function processState(
  host: string,
  pid: number,
  memory: number,
  cron: boolean,
  schedulers: SchedulerState[],
) {
  return {
    hostname: host,
    pid,
    memory,
    proctitle: 'good_job start',
    preserve_job_records: true,
    retry_on_unhandled_error: false,
    cron_enabled: cron,
    schedulers: schedulers.map(({ queues, maxThreads, activeThreads, succeeded, errored }) => ({
      name: `GoodJob::Scheduler(queues=${queues} max_threads=${maxThreads})`,
      queues,
      max_threads: maxThreads,
      active_threads: activeThreads,
      available_threads: maxThreads - activeThreads,
      max_cache: 10_000,
      active_cache: 0,
      available_cache: 10_000,
      empty_executions_count: 0,
      total_executions_count: succeeded + errored,
      succeeded_executions_count: succeeded,
      errored_executions_count: errored,
      execution_at: null,
      check_queue_at: null,
    })),
    total_succeeded_executions_count: schedulers.reduce((sum, each) => sum + each.succeeded, 0),
    total_errored_executions_count: schedulers.reduce((sum, each) => sum + each.errored, 0),
    database_connection_pool: { size: 10, active: 2 },
  };
}

/** Returns the process that ran a job at a time: two per day, restarted by a daily deployment. */
export function processHistory(random: { uuid(): string }, now: Micros): (at: Micros) => string {
  const perDay = Array.from({ length: 16 }, () => [random.uuid(), random.uuid()] as const);
  return (at) => {
    const pair = perDay[Math.floor(Math.max(0, now - at) / DAY)] ?? perDay[0];
    return at > now - DAY && at < now - 47 * MINUTE ? DEAD_WORKER : (pair?.[at % 2] ?? DEAD_WORKER);
  };
}

/** Adds two dead processes, the pauses and the disabled cron keys. */
export function addProcessesAndSettings({ rows, now, random }: DemoContext): void {
  const schedulers = [
    { queues: 'mailers,default', maxThreads: 3, activeThreads: 2, succeeded: 18_204, errored: 611 },
    { queues: '*', maxThreads: 2, activeThreads: 1, succeeded: 7_420, errored: 302 },
  ];
  const process = (
    id: string,
    from: Micros,
    seen: Micros,
    lockType: number | null,
    state: ProcessRow['state'],
  ): ProcessRow => ({
    id,
    created_at: columnTime(now - from),
    updated_at: columnTime(now - seen),
    lock_type: lockType,
    state,
  });
  rows.processes.push(
    process(
      DEAD_WORKER,
      31 * HOUR,
      47 * MINUTE,
      0,
      processState('app-worker-2', 7, 412_380, false, schedulers),
    ),
    process(OLD_WEB_PROCESS, 5 * DAY, 3 * HOUR, null, {
      ...processState('app-web-1', 31, 298_112, true, []),
      proctitle: 'puma: cluster worker 0: 31 [app]',
    }),
  );
  const setting = (key: string, value: ProcessRow['state'], at: Micros) => ({
    id: random.uuid(),
    created_at: columnTime(at),
    updated_at: columnTime(at),
    key,
    value,
  });
  rows.settings.push(
    setting('pauses', PAUSED, now - PAUSED_FOR),
    setting('cron_keys_disabled', DISABLED_CRON_KEYS, now - 3 * DAY),
  );
}
