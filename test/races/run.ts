import { parseArgs } from 'node:util';
import { type BulkRaceResult, bulkRace } from './bulk-race';
import { STRATEGIES, type Strategy } from './good-job-worker';
import { pauseRace } from './pause-race';
import { type RaceResult, race } from './race';

/*
 * npm run test:races -- --seconds 10: runs the console's actions against simulated GoodJob workers,
 * then two bulk runs, under each lock strategy or the one of --strategy; then the ends of timed
 * pauses against other changes of the pauses. With --sabotage the
 * clients take no locks, and the race must fail. Exits with 1 on any violation.
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
const bulkResults: BulkRaceResult[] = [];
for (const strategy of strategies) {
  results.push(await race(strategy, seconds, values.sabotage));
  if (!values.sabotage) bulkResults.push(await bulkRace(strategy));
}

const pauses = values.sabotage ? null : await pauseRace(Math.min(seconds, 10));

const rows: [string, (result: RaceResult) => number][] = [
  ['seconds', (result) => Math.round(result.seconds)],
  ['executions', ({ activity }) => activity.executions],
  ['finished by workers', ({ activity }) => activity.finishedByWorkers],
  [
    '  per minute',
    (result) => Math.round((result.activity.finishedByWorkers / result.seconds) * 60),
  ],
  ['discards done', ({ activity }) => activity.done.discard],
  ['retries done', ({ activity }) => activity.done.retry],
  ['reschedules done', ({ activity }) => activity.done.reschedule],
  ['discards undone', ({ activity }) => activity.undone.discard],
  ['reschedules undone', ({ activity }) => activity.undone.reschedule],
  ['locked', ({ activity }) => activity.locked],
  ['conflict', ({ activity }) => activity.conflict],
  ['batches completed by the console', ({ activity }) => activity.batchesByConsole],
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
for (const result of bulkResults) {
  const { strategy, retried, executions, discarded, skipped, violations } = result;
  console.log(
    `${strategy}: bulk runs with ${executions} concurrent executions: ${retried} jobs retried, ` +
      `${discarded} discarded, ${skipped} skipped, ` +
      `in ${result.seconds.toFixed(1)} s, ${violations.length} violations`,
  );
}
if (pauses)
  console.log(
    `timed pauses in ${pauses.rounds} rounds: ${pauses.ended} ended, ` +
      `${pauses.unpaused} unpaused first, ${pauses.dropped} ends dropped, ` +
      `${pauses.violations.length} violations`,
  );
const all: { strategy: string; violations: string[] }[] = [
  ...results,
  ...bulkResults,
  ...(pauses ? [{ strategy: 'timed pauses', violations: pauses.violations }] : []),
];
for (const { strategy, violations } of all)
  for (const violation of violations) console.log(`${strategy}: ${violation}`);
const failed = all.filter(({ violations }) => violations.length > 0).length;
console.log(`\nraces: ${all.length - failed} passed, ${failed} failed`);
process.exit(failed > 0 ? 1 : 0);
