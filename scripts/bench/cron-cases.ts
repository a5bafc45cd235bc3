import type pg from 'pg';
import { getCronEntry, listCronEntries } from '../../lib/cron/entries';
import type { GoodJobTables } from '../../lib/good-job/tables';
import { parseJobFilter } from '../../lib/jobs/filters';
import { listJobs } from '../../lib/jobs/list';
import { listPauses } from '../../lib/pauses/queries';
import type { Group, Target } from './cases';

const PAGE: Target[] = [{ p95AtMost: 300 }];

/** The cron entries, the entry with the most jobs, and the pauses. */
export async function cronGroup(client: pg.Client, tables: GoodJobTables): Promise<Group> {
  const { rows } = await client.query<{ key: string }>(
    `SELECT cron_key AS key
     FROM (
       SELECT cron_key
       FROM ${tables.jobs.sql}
       WHERE cron_key > ''
       ORDER BY cron_key
       LIMIT 100000
     ) j
     GROUP BY 1
     ORDER BY count(*) DESC
     LIMIT 1`,
  );
  const key = rows[0]?.key;
  const path = `/cron_entries/${encodeURIComponent(key ?? '')}`;
  return {
    cases: [
      {
        name: '/cron_entries',
        path: '/cron_entries',
        targets: PAGE,
        sql: async (ctx) =>
          (await listCronEntries(ctx, null)).rows.flatMap((row) =>
            row.runs.slice(0, 1).map(({ id }) => id),
          ),
      },
      ...(key
        ? [
            {
              name: '/cron_entries/:key',
              path,
              targets: PAGE,
              sql: async (ctx: Parameters<typeof getCronEntry>[0]) => {
                const [, jobs] = await Promise.all([
                  getCronEntry(ctx, key),
                  listJobs(ctx, parseJobFilter(new URLSearchParams({ cron_key: key }))),
                ]);
                return jobs.rows.map(({ id }) => id);
              },
            },
          ]
        : []),
      {
        name: '/pauses',
        path: '/pauses',
        targets: PAGE,
        sql: async (ctx) => {
          await listPauses(ctx);
          return [];
        },
      },
    ],
    writes: [],
    notes: [],
    skipped: key ? [] : ['/cron_entries/:key: no job has a cron key'],
  };
}
