import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { z } from 'zod';
import { createRun } from '../../../lib/bulk/mutations';
import { previewBulk } from '../../../lib/bulk/preview';
import type { BulkTarget } from '../../../lib/bulk/types';
import type { Ctx } from '../../../lib/context/request-context';
import { releaseRuns } from '../database';
import { formFields } from '../html-form';
import type { TimedResponse, HostileClient } from './client';
import type { MeasuredRows } from './plant';

/** An action on hostile rows. `run` returns the measured response; null if there is no form. */
interface Action {
  name: string;
  /** The response is a file, so the time to the first byte is measured. */
  streams?: true;
  run: (client: HostileClient) => Promise<TimedResponse | null>;
}

/** The actions of a viewer, submitted with the forms of the confirmation pages. */
export function actionsFor({ jobs, byState, batch }: MeasuredRows): Action[] {
  const ofJob = (action: string, id: string | undefined): Action[] =>
    id === undefined
      ? []
      : [
          {
            name: `act: ${action}`,
            run: (client) => submit(client, `/jobs/${id}/${action}`, { reason: 'bench' }),
          },
        ];
  const pause = new URLSearchParams({ type: 'queue', value: 'hostile' });
  const reason: [string, string] = ['reason', 'bench'];
  return [
    ...ofJob('reveal', jobs[0]),
    ...['payload', 'error'].map((part): Action => ({
      name: `act: download of the ${part}`,
      streams: true,
      run: (client) =>
        client.post(`/api/jobs/${jobs[0]}/download`, [['execution', ''], ['part', part], reason]),
    })),
    ...ofJob('retry', byState.discarded[0]),
    ...ofJob('reschedule', byState.scheduled[0] ?? byState.retried[0]),
    ...ofJob('discard', byState.queued[0] ?? byState.retried[1]),
    ...ofJob('destroy', byState.succeeded[0] ?? byState.discarded[1]),
    {
      name: 'act: batch retry',
      run: (client) => submit(client, `/batches/${batch}/retry`, { reason: 'bench' }),
    },
    {
      name: 'act: pause',
      run: (client) => submit(client, `/pauses/pause?${pause}`, { reason: 'bench' }),
    },
  ];
}

/** Fills in and submits the form of a confirmation page; null if the page has none. */
async function submit(
  client: HostileClient,
  path: string,
  values: Record<string, string>,
  marker = 'name="reason"',
): Promise<TimedResponse | null> {
  const page = await client.get(path);
  if (page.status !== 200) return page;
  const form = /<form[^>]*method="POST"[^>]*>.*?<\/form>|<form[^>]*>.*?<\/form>/gis;
  const forms = [...page.text().matchAll(form)].map(([html]) => html);
  const html = forms.find((text) => text.includes('$ACTION') && text.includes(marker));
  if (html === undefined) return null;
  return client.post(path, formFields(html, values));
}

/**
 * Times of the bulk dialog's functions in this process, because it has no form without JavaScript.
 */
interface BulkTimes {
  previewMs: number;
  startMs: number;
  runMs: number;
  loopMs: number;
  failure: string | null;
}

const RUN_LIMIT_MS = 30_000;

/**
 * Previews and starts a bulk retry of a batch's jobs in this process; the server under test then
 * runs it.
 */
export async function measureBulk(
  ctx: Ctx,
  client: HostileClient,
  sql: pg.Client,
  batch: string,
): Promise<BulkTimes> {
  const target: BulkTarget = {
    kind: 'filter',
    query: String(new URLSearchParams({ q: `batch:${batch} -zzz` })),
    batchId: null,
  };
  const times: BulkTimes = { previewMs: 0, startMs: 0, runMs: 0, loopMs: 0, failure: null };
  const delay = monitorEventLoopDelay({ resolution: 10 });
  delay.enable();
  try {
    let started = performance.now();
    const { target: resolved, cutOff, total } = await previewBulk(ctx, 'retry', target);
    times.previewMs = performance.now() - started;
    started = performance.now();
    const runId = await createRun(ctx, {
      action: 'retry',
      target: resolved,
      scheduledAt: null,
      cutOff,
      expected: total,
      confirmedCount: total.count,
    });
    times.startMs = performance.now() - started;
    times.loopMs = delay.max / 1e6;
    delay.disable();
    await releaseRuns(sql);
    await submit(client, `/bulk/${runId}`, {}, 'value="resume"');
    times.runMs = await waitUntilFinished(client, runId);
  } catch (error) {
    times.failure = error instanceof Error ? error.message.slice(0, 120) : String(error);
  } finally {
    delay.disable();
  }
  return times;
}

/** The field of `BulkRun` that the bench reads. */
const bulkRun = z.object({ state: z.string() });

async function waitUntilFinished(client: HostileClient, runId: string): Promise<number> {
  const started = performance.now();
  while (performance.now() - started < RUN_LIMIT_MS) {
    const answer = await client.get(`/api/bulk/${runId}`);
    const run = answer.status === 200 ? bulkRun.parse(JSON.parse(answer.text())) : null;
    if (run?.state === 'finished') return performance.now() - started;
    await sleep(200);
  }
  throw new Error(`The bulk run did not finish within ${RUN_LIMIT_MS / 1000} s.`);
}
