import { Agent, request } from 'node:http';
import { gunzipSync } from 'node:zlib';
import type { Ctx } from '../../lib/context/types';
import type { Case } from './cases';
import { sessionHeaders } from './server';

/** Milliseconds, bytes of the page before compression. */
export interface Result {
  name: string;
  requests: number;
  p50_ms: number;
  p95_ms: number;
  sql_p50_ms: number;
  sql_p95_ms: number;
  bytes: number;
}

interface Answer {
  ms: number;
  status: number;
  text: () => string;
}

/** A case that is slow may end after so long, with at least MIN_REQUESTS. */
const CASE_BUDGET_MS = 20_000;
const MIN_REQUESTS = 30;
const WARM_UP_ROUNDS = 12;

/** One browser's connection, kept open; times run from the request's first byte to the answer's last. */
export class HttpClient {
  private readonly agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(private readonly origin: string) {}

  get(path: string): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const started = performance.now();
      const headers = {
        accept: 'text/html,application/xhtml+xml',
        'accept-encoding': 'gzip',
        'accept-language': 'ja',
        ...sessionHeaders(this.origin),
      };
      request(this.origin + path, { agent: this.agent, headers }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => {
          const ms = performance.now() - started;
          const text = () => {
            const body = Buffer.concat(chunks);
            return (
              response.headers['content-encoding'] === 'gzip' ? gunzipSync(body) : body
            ).toString('utf8');
          };
          resolve({ ms, status: response.statusCode ?? 0, text });
        });
      })
        .on('error', reject)
        .end();
    });
  }

  close(): void {
    this.agent.destroy();
  }
}

async function timeSql(one: Case, ctx: Ctx): Promise<number> {
  const started = performance.now();
  await one.sql(ctx);
  return performance.now() - started;
}

/** The page must hold what its own queries found; a page with a banner in place of its rows is no result. */
async function prove(one: Case, client: HttpClient, ctx: Ctx): Promise<number> {
  const expected = await one.sql(ctx);
  const answer = await client.get(one.path);
  const text = answer.text();
  const missing = expected.filter((id) => !text.includes(id));
  if (answer.status !== 200 || missing.length > 0)
    throw new Error(
      `${one.name}: GET ${one.path} answered ${answer.status}, and lacks ${missing.length} of ${expected.length} expected texts (${missing[0] ?? ''}).`,
    );
  return Buffer.byteLength(text);
}

/**
 * All cases in turn, round after round, each request beside its SQL alone: whatever else the machine does
 * meets every case and both columns alike.
 */
export async function measure(
  cases: Case[],
  client: HttpClient,
  ctx: Ctx,
  requests: number,
  log: (line: string) => void,
): Promise<Result[]> {
  const runs = [];
  for (const one of cases)
    runs.push({
      one,
      bytes: await prove(one, client, ctx),
      page: [] as number[],
      sql: [] as number[],
      spent: 0,
    });
  log(`Warming up: ${WARM_UP_ROUNDS} rounds of ${cases.length} cases.`);
  for (let round = 0; round < WARM_UP_ROUNDS; round += 1)
    for (const { one } of runs) await client.get(one.path).then(() => one.sql(ctx));
  for (let round = 1; round <= requests; round += 1) {
    for (const run of runs) {
      if (run.spent > CASE_BUDGET_MS && run.page.length >= MIN_REQUESTS) continue;
      // Who comes first finds the rows less warm: now one, now the other.
      if (round % 2 === 0) run.sql.push(await timeSql(run.one, ctx));
      const { ms, status } = await client.get(run.one.path);
      if (status !== 200)
        throw new Error(`${run.one.name}: GET ${run.one.path} answered ${status}.`);
      run.page.push(ms);
      if (round % 2 === 1) run.sql.push(await timeSql(run.one, ctx));
      run.spent += ms;
    }
    if (round % 20 === 0) log(`${round} of ${requests} rounds`);
  }
  return runs.map(({ one, bytes, page, sql }) => ({
    name: one.name,
    requests: page.length,
    p50_ms: percentile(page, 50),
    p95_ms: percentile(page, 95),
    sql_p50_ms: percentile(sql, 50),
    sql_p95_ms: percentile(sql, 95),
    bytes,
  }));
}

/** The nearest rank, to a tenth of a millisecond. */
export function percentile(values: number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return (
    Math.round(
      (sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? Number.NaN) * 10,
    ) / 10
  );
}
