import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { insertJob, insertProcess } from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import { completeQuery } from './suggestions';

let console_: TestConsole;
let processId: string;
beforeAll(async () => {
  console_ = await TestConsole.open('jobs_completion');
  const { client } = console_;
  processId = await insertProcess(client);
  for (const [n, job_class] of [
    'Billing::InvoiceMailer',
    'InvoiceJob',
    '請求::送信Job',
    'Other Job',
    null,
    '',
  ].entries()) {
    await insertJob(client, {
      job_class,
      queue_name: job_class ? 'mailers' : 'default',
      labels: ['月次', 'bulk'],
      ...(job_class ? { cron_key: 'nightly', cron_at: `2026-11-20T10:00:0${n}Z` } : {}),
    });
  }
});
afterAll(() => console_.close());

const complete = async (marked: string) => {
  const text = marked.replace('|', '');
  const { from, to, items } = await completeQuery(console_.ctx(), {
    text,
    at: marked.indexOf('|'),
  });
  return items.map(({ insert }) => text.slice(0, from) + insert + text.slice(to));
};

it('completes a word to fields and classes', async () => {
  expect(await complete('cr|')).toEqual(['cron:', 'created:']);
  expect(await complete('a -st|')).toEqual(['a -state:']);
  expect(await complete('invo|')).toEqual(['class:InvoiceJob', 'class:Billing::InvoiceMailer']);
  expect(await complete('|')).toContain('class:');
});
it('completes values, with those that begin with the input first', async () => {
  expect(await complete('class:Inv| x')).toEqual([
    'class:InvoiceJob x',
    'class:Billing::InvoiceMailer x',
  ]);
  expect(await complete('class:InvoiceJob,請|')).toEqual(['class:InvoiceJob,請求::送信Job']);
  expect(await complete('ｃｌａｓｓ：other|')).toEqual(['ｃｌａｓｓ："Other Job"']);
  expect(await complete('-state:q|')).toEqual(['-state:queued']);
  expect(await complete('queue:|')).toEqual(['queue:default', 'queue:mailers']);
  expect(await complete('label:|')).toEqual(['label:bulk', 'label:月次']);
  expect(await complete('cron:n|')).toEqual(['cron:nightly']);
  expect(await complete('process:|')).toEqual([`process:${processId}`]);
  expect(await complete('created:>2|')).toEqual(['created:>24h']);
  expect(await complete('attempt_failed:>2|')).toEqual(['attempt_failed:>24h']);
  expect(await complete('batch:x|')).toEqual([]);
});

it('returns cached values and refreshes them in the background', async () => {
  expect(await complete('label:年|')).toEqual([]);
  await insertJob(console_.client, { labels: ['年次'] });
  const now = Date.now();
  const clock = vi.spyOn(Date, 'now').mockReturnValue(now + 10_001);
  try {
    expect(await complete('label:年|')).toEqual([]);
    await vi.waitFor(async () => expect(await complete('label:年|')).toEqual(['label:年次']));
    await console_.client.query(`DELETE FROM good_jobs WHERE labels = '{年次}'`);
    clock.mockReturnValue(now + 11 * 60_000);
    expect(await complete('label:年|')).toEqual([]);
  } finally {
    clock.mockRestore();
  }
});
