import { findAttention } from '../../lib/attention/queries';
import type { Group } from './cases';

/** What is found is kept for seconds: most requests are answered from that, and the SQL alone is what the others wait for. */
export function attentionGroup(): Promise<Group> {
  return Promise.resolve({
    cases: [
      {
        name: '/attention',
        path: '/attention',
        targets: [{ p95AtMost: 300 }],
        sql: async (ctx) => (await findAttention(ctx), []),
      },
      {
        name: '/attention, its door',
        path: '/api/attention',
        targets: [{ p95AtMost: 300 }],
        sql: async (ctx) => (await findAttention(ctx), []),
      },
    ],
    writes: [],
    about: [],
    skipped: [],
  });
}
