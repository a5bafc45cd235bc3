import { Agent, request } from 'node:http';
import { gunzipSync } from 'node:zlib';
import type { Ctx } from '../../lib/context/request-context';
import type { Case } from './cases';
import { sessionHeaders } from './server';

/** `bytes` is the size of the page before compression. */
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

/** A slow case ends after this time if it has MIN_REQUESTS. */
const CASE_BUDGET_MS = 20_000;
const MIN_REQUESTS = 30;
const WARM_UP_ROUNDS = 12;

/** A client with one keep-alive connection. Times include the last byte of the response. */
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

async function timeSql(benchCase: Case, ctx: Ctx): Promise<number> {
  const started = performance.now();
  await benchCase.sql(ctx);
  return performance.now() - started;
}

/** Checks that the page contains the ids of its queries, and returns its size in bytes. */
async function checkPage(benchCase: Case, client: HttpClient, ctx: Ctx): Promise<number> {
  const expected = await benchCase.sql(ctx);
  const answer = await client.get(benchCase.path);
  const text = answer.text();
  const missing = expected.filter((id) => !text.includes(id));
  if (answer.status !== 200 || missing.length > 0)
    throw new Error(
      `${benchCase.name}: GET ${benchCase.path} returned status ${answer.status} and lacks ` +
        `${missing.length} of ${expected.length} expected texts (${missing[0] ?? ''}).`,
    );
  return Buffer.byteLength(text);
}

/** The measurements of one case so far, in ms. */
interface CaseRun {
  benchCase: Case;
  bytes: number;
  page: number[];
  sql: number[];
  spent: number;
}

/**
 * Measures all cases in rounds, each request next to its SQL alone, so that other load on the
 * machine affects all cases and both columns equally.
 */
export async function measure(
  cases: Case[],
  client: HttpClient,
  ctx: Ctx,
  requests: number,
  log: (line: string) => void,
): Promise<Result[]> {
  const runs: CaseRun[] = [];
  for (const benchCase of cases) {
    const bytes = await checkPage(benchCase, client, ctx);
    runs.push({ benchCase, bytes, page: [], sql: [], spent: 0 });
  }
  log(`Warming up: ${WARM_UP_ROUNDS} rounds of ${cases.length} cases.`);
  for (let round = 0; round < WARM_UP_ROUNDS; round += 1)
    for (const { benchCase } of runs)
      await client.get(benchCase.path).then(() => benchCase.sql(ctx));
  for (let round = 1; round <= requests; round += 1) {
    for (const run of runs) {
      if (run.spent > CASE_BUDGET_MS && run.page.length >= MIN_REQUESTS) continue;
      // Alternate the order, because the first of the two finds colder caches.
      if (round % 2 === 0) run.sql.push(await timeSql(run.benchCase, ctx));
      const { ms, status } = await client.get(run.benchCase.path);
      if (status !== 200)
        throw new Error(
          `${run.benchCase.name}: GET ${run.benchCase.path} returned status ${status}.`,
        );
      run.page.push(ms);
      if (round % 2 === 1) run.sql.push(await timeSql(run.benchCase, ctx));
      run.spent += ms;
    }
    if (round % 20 === 0) log(`${round} of ${requests} rounds`);
  }
  return runs.map(({ benchCase, bytes, page, sql }) => ({
    name: benchCase.name,
    requests: page.length,
    p50_ms: percentile(page, 50),
    p95_ms: percentile(page, 95),
    sql_p50_ms: percentile(sql, 50),
    sql_p95_ms: percentile(sql, 95),
    bytes,
  }));
}

/** The nearest-rank percentile, rounded to a tenth of a millisecond. */
export function percentile(values: number[], percent: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return (
    Math.round(
      (sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? Number.NaN) * 10,
    ) / 10
  );
}
