import type { Case } from './cases';
import { HttpClient, percentile } from './measure';
import { startConsole } from './server';

const WARM_UP_ROUNDS = 12;
/** A case ends after this time in each server if it has MIN_REQUESTS. */
const CASE_BUDGET_MS = 20_000;
const MIN_REQUESTS = 30;
/** A page is slower if its median is slower by more than both. */
const MAX_SLOWER_MS = 3;
const MAX_SLOWER_SHARE = 0.1;

interface Comparison {
  name: string;
  requests: number;
  otherMs: number;
  thisMs: number;
}

/** Whether the median of this build is slower by at most 3 ms or 10 %, whichever is more. */
const isWithinLimit = ({ otherMs, thisMs }: Comparison): boolean =>
  thisMs <= otherMs + Math.max(MAX_SLOWER_MS, otherMs * MAX_SLOWER_SHARE);

/**
 * Times the cases in this build and in the one of another checkout, in turn, on one database.
 * Returns whether no case is slower beyond the limit.
 */
export async function compare(
  databaseUrl: string,
  otherFolder: string,
  cases: Case[],
  requests: number,
  log: (line: string) => void,
): Promise<boolean> {
  const servers = [await startConsole(databaseUrl, otherFolder), await startConsole(databaseUrl)];
  const clients = servers.map(({ origin }) => new HttpClient(origin));
  try {
    const comparisons = await timeInTurn(clients, cases, requests, log);
    log(`\n${reportOf(comparisons)}`);
    return comparisons.every(isWithinLimit);
  } finally {
    clients.forEach((client) => client.close());
    await Promise.all(servers.map((server) => server.stop()));
  }
}

/** The median times of `cases` in both servers, without those that the other server lacks. */
async function timeInTurn(
  clients: HttpClient[],
  cases: Case[],
  requests: number,
  log: (line: string) => void,
): Promise<Comparison[]> {
  const runs: { name: string; path: string; times: number[][] }[] = [];
  for (const { name, path } of cases) {
    const otherStatus = (await clients[0]?.get(path))?.status;
    if (otherStatus === 200) runs.push({ name, path, times: [[], []] });
    else log(`${name}: left out, the other server returned status ${otherStatus}.`);
  }
  for (let round = 1 - WARM_UP_ROUNDS; round <= requests; round += 1) {
    for (const { path, times } of runs) {
      const spentMs = Math.max(...times.map((list) => list.reduce((a, b) => a + b, 0)));
      if (spentMs > CASE_BUDGET_MS && (times[0]?.length ?? 0) >= MIN_REQUESTS) continue;
      // Alternate the order, because the second of the two finds warmer caches.
      for (const index of round % 2 === 0 ? [0, 1] : [1, 0]) {
        const answer = await clients[index]?.get(path);
        if (answer?.status !== 200)
          throw new Error(`GET ${path} returned status ${answer?.status}.`);
        if (round > 0) times[index]?.push(answer.ms);
      }
    }
    if (round > 0 && round % 20 === 0) log(`${round} of ${requests} rounds`);
  }
  return runs.map(({ name, times }) => ({
    name,
    requests: times[0]?.length ?? 0,
    otherMs: percentile(times[0] ?? [], 50),
    thisMs: percentile(times[1] ?? [], 50),
  }));
}

function reportOf(comparisons: Comparison[]): string {
  const lines = comparisons.map((comparison) => {
    const { name, requests, otherMs, thisMs } = comparison;
    const verdict = isWithinLimit(comparison) ? 'ok' : '**slower**';
    const share = Math.round((thisMs / otherMs) * 100);
    return `| ${name} | ${requests} | ${otherMs} | ${thisMs} | ${share} % | ${verdict} |`;
  });
  return [
    '| page | requests | other, p50 ms | this, p50 ms | this of other | verdict |',
    '|:-|-:|-:|-:|-:|:-|',
    ...lines,
  ].join('\n');
}
