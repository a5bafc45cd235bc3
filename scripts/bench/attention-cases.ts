import { findAttention } from '../../lib/attention/queries';
import type { Ctx } from '../../lib/context/request-context';
import type { Group } from './cases';

async function runFindings(ctx: Ctx): Promise<string[]> {
  await findAttention(ctx);
  return [];
}

/** Most requests are answered from a cache; the time of the SQL is the cost of a cache miss. */
export function attentionGroup(): Promise<Group> {
  return Promise.resolve({
    cases: [
      {
        name: '/attention',
        path: '/attention',
        targets: [{ p95AtMost: 300 }],
        sql: runFindings,
      },
      {
        name: 'poll of /attention',
        path: '/api/attention',
        targets: [{ p95AtMost: 300 }],
        sql: runFindings,
      },
    ],
    writes: [],
    notes: [],
    skipped: [],
  });
}
