import type pg from 'pg';
import type { Ctx } from '../../lib/context/types';
import type { GoodJobTables } from '../../lib/good-job/tables';
import { listProcesses, parseProcessFilter } from '../../lib/processes/queries';
import { RANGES, type Range, parseQueueFilter } from '../../lib/queues/filters';
import { readFlow } from '../../lib/queues/flow';
import { listQueues } from '../../lib/queues/queries';
import type { Case, Group, Target } from './cases';

const PAGE: Target[] = [{ p95AtMost: 300 }];

/** The SQL alone is that of a range that nobody has asked for in the last seconds: the page remembers it for a while. */
function queues(name: string, path: string, range: Range): Case {
  const sql = async (ctx: Ctx) => {
    await ctx.db.read((tx) => readFlow(tx, ctx.tables, range), { byIndexOnly: true });
    await listQueues(ctx, parseQueueFilter(new URLSearchParams({ range })));
    return [];
  };
  return { name, path, sql, targets: PAGE };
}

function processes(name: string, query: Record<string, string>, door = ''): Case {
  const params = new URLSearchParams(query);
  return {
    name,
    path: `${door}/processes${params.size > 0 ? `?${params}` : ''}`,
    targets: PAGE,
    sql: async (ctx) =>
      (await listProcesses(ctx, parseProcessFilter(params))).rows.map(({ id }) => id),
  };
}

export async function queueGroup(client: pg.Client, tables: GoodJobTables): Promise<Group> {
  const { rows } = await client.query<{ workers: string; queue: string | null }>(
    `SELECT (SELECT count(*) FROM ${tables.processes.sql}) AS workers, (SELECT queue_name FROM ${tables.jobs.sql} WHERE finished_at IS NULL LIMIT 1) AS queue`,
  );
  const queue = rows[0]?.queue;
  return {
    cases: [
      ...(Object.keys(RANGES) as Range[]).map((range) =>
        queues(`/queues, last ${range}`, `/queues?range=${range}`, range),
      ),
      queues('poll of /queues, last 24h', '/api/queues?range=24h', '24h'),
      processes('/processes', {}),
      processes('/processes, dead', { state: 'dead' }),
      ...(queue ? [processes('/processes that serve a queue', { queue_name: queue })] : []),
      processes('poll of /processes', {}, '/api'),
    ],
    writes: [],
    about: [`${rows[0]?.workers ?? 0} processes`, `queue: ${queue ?? 'none'}`],
    skipped: queue ? [] : ['no queue with open jobs'],
  };
}
