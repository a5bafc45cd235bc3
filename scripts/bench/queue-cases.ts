import type pg from 'pg';
import type { Ctx } from '../../lib/context/request-context';
import type { GoodJobTables } from '../../lib/good-job/tables';
import { listProcesses, parseProcessFilter } from '../../lib/processes/queries';
import { RANGES, type Range, isRange, parseQueueFilter } from '../../lib/queues/filters';
import { listQueues, readFlow } from '../../lib/queues/queries';
import type { Case, Group, Target } from './cases';

const PAGE: Target[] = [{ p95AtMost: 300 }];

/** The SQL alone is the cost of a cache miss; the page caches the range for some seconds. */
function queues(name: string, path: string, range: Range): Case {
  const sql = async (ctx: Ctx) => {
    await ctx.db.read((tx) => readFlow(tx, ctx.tables, range), { byIndexOnly: true });
    await listQueues(ctx, parseQueueFilter(new URLSearchParams({ range })));
    return [];
  };
  return { name, path, sql, targets: PAGE };
}

function processes(name: string, query: Record<string, string>, prefix = ''): Case {
  const params = new URLSearchParams(query);
  return {
    name,
    path: `${prefix}/processes${params.size > 0 ? `?${params}` : ''}`,
    targets: PAGE,
    sql: async (ctx) => {
      const { rows } = await listProcesses(ctx, parseProcessFilter(params));
      return rows.map(({ id }) => id);
    },
  };
}

export async function queueGroup(client: pg.Client, tables: GoodJobTables): Promise<Group> {
  const { rows } = await client.query<{ workers: string; queue: string | null }>(
    `SELECT
       (SELECT count(*) FROM ${tables.processes.sql}) AS workers,
       (SELECT queue_name FROM ${tables.jobs.sql} WHERE finished_at IS NULL LIMIT 1) AS queue`,
  );
  const queue = rows[0]?.queue;
  return {
    cases: [
      ...Object.keys(RANGES)
        .filter(isRange)
        .map((range) => queues(`/queues, last ${range}`, `/queues?range=${range}`, range)),
      queues('poll of /queues, last 24h', '/api/queues?range=24h', '24h'),
      processes('/processes', {}),
      processes('/processes, dead', { state: 'dead' }),
      ...(queue ? [processes('/processes that serve a queue', { queue_name: queue })] : []),
      processes('poll of /processes', {}, '/api'),
    ],
    writes: [],
    notes: [`${rows[0]?.workers ?? 0} processes`, `queue: ${queue ?? 'none'}`],
    skipped: queue ? [] : ['no queue with unfinished jobs'],
  };
}
