import { afterAll, beforeAll, expect, it } from 'vitest';
import { insertJob, serializedParams } from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import { parseJobFilter } from './filters';
import { listJobs } from './list';
import { loadColumns } from './rows';
import { DEFAULT_COLUMNS, parseColumns, printColumns } from './types';

let console_: TestConsole;
beforeAll(async () => {
  console_ = await TestConsole.open('jobs_columns');
});
afterAll(() => console_.close());

it.each([
  ['queue,state', 'queue,state'],
  ['state, queue', 'queue,state'],
  ['state,args.0.invoice_id,queue', 'queue,args.0.invoice_id,state'],
  ['args.0.a,args.0.a,args.1,args.2,args.3', 'args.0.a,args.1,args.2'],
  ['nonsense', DEFAULT_COLUMNS.join()],
  ['args.,args,args.a..b,args.a b', DEFAULT_COLUMNS.join()],
  ['', DEFAULT_COLUMNS.join()],
])('parses the column selection "%s"', (text, columns) => {
  expect(parseColumns(text).join()).toBe(columns);
});

it('prints selected columns in display order, and null for the default columns', () => {
  expect(printColumns(parseColumns('state,args.0.x'))).toBe('args.0.x,state');
  expect(printColumns(DEFAULT_COLUMNS)).toBeNull();
});

it('loads the values of selected columns, with arguments as JSON prints them', async () => {
  const { client } = console_;
  const id = await insertJob(client, {
    created_at: '2026-11-20T10:00:00.123456Z',
    cron_key: 'nightly',
  });
  const at = (json: string) =>
    client.query('UPDATE good_jobs SET serialized_params = $1 WHERE id = $2', [
      serializedParams(id).replace('"arguments":[]', `"arguments":[{"v":${json}}]`),
      id,
    ]);
  const value = async () => {
    const { rows } = await listJobs(console_.ctx(), parseJobFilter(new URLSearchParams()));
    return (
      await loadColumns(console_.ctx(), rows, parseColumns('created,finished,cron,args.0.v,args.7'))
    )[0]?.extra;
  };
  for (const [json, printed] of [
    ['"請求書"', '請求書'],
    ['12345678901234567890', '12345678901234567890'],
    ['1.10', '1.10'],
    ['true', 'true'],
    ['null', 'null'],
    ['{"_aj_globalid": "gid://app/User/1"}', 'gid://app/User/1'],
    ['{"a": 1}', '{…}'],
    ['[1]', '[…]'],
    [`"${'x'.repeat(500)}"`, 'x'.repeat(120)],
  ] as const) {
    await at(json);
    expect(await value()).toEqual({
      created: expect.stringMatching(/^2026-11-20T10:00:00\.123456/),
      finished: null,
      cron: 'nightly',
      'args.0.v': printed,
      'args.7': null,
    });
  }
});
