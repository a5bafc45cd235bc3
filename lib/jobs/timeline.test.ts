import { expect, it } from 'vitest';
import { buildTimeline } from './timeline';
import type { ExecutionRow, JobDetail } from './types';

const at = (s: number) => `2026-11-23T12:00:${String(s).padStart(2, '0')}.000000Z`;
const job = (changes: Partial<JobDetail>) =>
  ({
    createdAt: at(0),
    scheduledAt: null,
    performedAt: null,
    finishedAt: null,
    state: 'queued',
    ...changes,
  }) as JobDetail;
const attempt = (
  n: number,
  enqueued: number,
  started: number,
  finished: number | null,
  state: ExecutionRow['state'],
) =>
  ({
    number: n,
    enqueuedAt: at(enqueued),
    scheduledAt: at(enqueued),
    createdAt: at(started),
    finishedAt: finished === null ? null : at(finished),
    queueWait: started - enqueued,
    state,
    runTime: finished === null ? null : finished - started,
  }) as ExecutionRow;
const kinds = (steps: ReturnType<typeof buildTimeline>) => steps.map((step) => step.kind);

it('the timeline lists enqueue, wait, attempts, back-off and finish', () => {
  const executions = [attempt(2, 3, 20, 21, 'succeeded'), attempt(1, 0, 2, 3, 'retried')];
  const steps = buildTimeline(
    job({ createdAt: at(3), performedAt: at(20), finishedAt: at(21), state: 'succeeded' }),
    executions,
  );
  expect(kinds(steps)).toEqual(['enqueued', 'waited', 'attempt', 'backoff', 'attempt', 'finished']);
  expect(steps[3]).toMatchObject({ seconds: 17 });
});
it("the timeline distinguishes a user's retry from one by GoodJob", () => {
  const executions = [attempt(2, 30, 31, 32, 'discarded'), attempt(1, 0, 1, 2, 'discarded')];
  expect(
    kinds(
      buildTimeline(job({ createdAt: at(30), finishedAt: at(32), state: 'discarded' }), executions),
    ),
  ).toEqual(['enqueued', 'waited', 'attempt', 'retried_by_hand', 'waited', 'attempt', 'finished']);
});
it('the timeline ends with the due time of a job that has not run', () => {
  expect(kinds(buildTimeline(job({ scheduledAt: at(50), state: 'scheduled' }), []))).toEqual([
    'enqueued',
    'due',
  ]);
});
it('the timeline uses scheduled_at when the payload has no valid enqueue time', () => {
  const odd = { ...attempt(1, 0, 1, 2, 'succeeded'), enqueuedAt: '<script>' };
  expect(buildTimeline(job({ finishedAt: at(2), state: 'succeeded' }), [odd])[0]).toMatchObject({
    kind: 'enqueued',
    at: at(0),
  });
});
it('the timeline shows the wait that the attempt recorded', () => {
  const one = { ...attempt(1, 0, 1, 2, 'succeeded'), queueWait: 0.6556 };
  const steps = buildTimeline(job({ finishedAt: at(2), state: 'succeeded' }), [one]);
  expect(steps[1]).toEqual({ kind: 'waited', at: at(0), seconds: 0.6556 });
});
it('the timeline lists the due time of a job that was scheduled for later', () => {
  const one = { ...attempt(1, 0, 31, 32, 'succeeded'), scheduledAt: at(30), queueWait: 1 };
  const steps = buildTimeline(job({ finishedAt: at(32), state: 'succeeded' }), [one]);
  expect(steps.slice(0, 3)).toEqual([
    { kind: 'enqueued', at: at(0) },
    { kind: 'due', at: at(30) },
    { kind: 'waited', at: at(30), seconds: 1 },
  ]);
});
it('the timeline starts and ends with a marker for attempts on other pages', () => {
  const executions = [attempt(4, 3, 20, 21, 'retried'), attempt(3, 0, 2, 3, 'retried')];
  const discarded = job({ finishedAt: at(50), state: 'discarded' });
  expect(kinds(buildTimeline(discarded, executions, { hasOlder: true, hasNewer: true }))).toEqual([
    'earlier_attempts',
    'waited',
    'attempt',
    'backoff',
    'attempt',
    'later_attempts',
  ]);
});
