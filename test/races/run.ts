import { parseArgs } from 'node:util';
import { type BulkRaceResult, bulkRace } from './bulk-race';
import { STRATEGIES, type Strategy } from './good-job-worker';
import { type RaceResult, race } from './race';

/*
 * npm run test:races -- --seconds 10: the console's actions against workers as GoodJob's, under each lock
 * strategy in turn. --strategy takes one alone; with --sabotage the clients use no locks, which must not pass.
 * After each race two bulk runs are put beside the workers. Exit 1 on any violation.
 */

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '10' },
    strategy: { type: 'string' },
    sabotage: { type: 'boolean', default: false },
  },
});
const seconds = Number(values.seconds);
const strategies = STRATEGIES.filter(
  (strategy) => values.strategy === undefined || strategy === values.strategy,
);
if (!(seconds > 0) || strategies.length === 0) {
  console.error(
    `--seconds must be a number above 0, and --strategy one of ${STRATEGIES.join(', ')}.`,
  );
  process.exit(1);
}

const results: RaceResult[] = [];
const bulk: BulkRaceResult[] = [];
for (const strategy of strategies) {
  results.push(await race(strategy, seconds, values.sabotage));
  if (!values.sabotage) bulk.push(await bulkRace(strategy));
}

const rows: [string, (result: RaceResult) => number][] = [
  ['seconds', (result) => Math.round(result.seconds)],
  ['executions', ({ figures }) => figures.executions],
  ['finished by workers', ({ figures }) => figures.finishedByWorkers],
  ['  a minute', (result) => Math.round((result.figures.finishedByWorkers / result.seconds) * 60)],
  ['discards done', ({ figures }) => figures.done.discard],
  ['retries done', ({ figures }) => figures.done.retry],
  ['reschedules done', ({ figures }) => figures.done.reschedule],
  ['locked', ({ figures }) => figures.locked],
  ['conflict', ({ figures }) => figures.conflict],
  ['batches completed by the console', ({ figures }) => figures.batchesByConsole],
  ['violations', ({ violations }) => violations.length],
];
console.log(
  ['', ...results.map((result): Strategy => result.strategy)]
    .map((cell, n) => (n === 0 ? cell.padEnd(34) : cell.padStart(12)))
    .join(''),
);
for (const [name, value] of rows)
  console.log(
    name.padEnd(34) + results.map((result) => String(value(result)).padStart(12)).join(''),
  );
for (const {
  strategy,
  seconds: took,
  retried,
  executions,
  discarded,
  missed,
  violations,
} of bulk) {
  console.log(
    `${strategy}: bulk runs beside ${executions} executions: ${retried} jobs retried, ${discarded} discarded, ${missed} held or changed by workers, in ${took.toFixed(1)} s, ${violations.length} violations`,
  );
}
for (const { strategy, violations } of [...results, ...bulk])
  for (const violation of violations) console.log(`${strategy}: ${violation}`);
const all = [...results, ...bulk];
const failed = all.filter(({ violations }) => violations.length > 0).length;
console.log(`\nraces: ${all.length - failed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);
