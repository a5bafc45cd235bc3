import { afterAll, beforeAll, expect, it } from 'vitest';
import { RUNNING, insertJob } from '../../test/harness/rows';
import { TestConsole } from '../../test/harness/test-console';
import { type Cursor, cursorParams } from '../core/urls';
import { parseJobFilter } from './filters';
import { listJobs } from './list';

/** Changes the columns as an app with timestamptz in its migrations does. */
const TO_TIMESTAMPTZ = `DO $$ DECLARE c record; BEGIN
  FOR c IN
    SELECT table_name, column_name
      FROM information_schema.columns
     WHERE table_schema = current_schema()
       AND table_name LIKE 'good_job%'
       AND data_type LIKE 'timestamp%' LOOP
    EXECUTE format('ALTER TABLE %I ALTER COLUMN %I TYPE timestamptz USING %I AT TIME ZONE ''UTC''',
      c.table_name, c.column_name, c.column_name);
  END LOOP;
  EXECUTE format('ALTER DATABASE %I SET timezone TO ''Asia/Tokyo''', current_database());
END $$`;
const at = (n: number) => `2026-11-20T10:00:0${n % 3}.12345${n % 2}Z`;

const consoles: Record<string, TestConsole> = {};
beforeAll(async () => {
  for (const [type, statements] of [
    ['timestamp', []],
    ['timestamptz', [TO_TIMESTAMPTZ]],
  ] as const) {
    const console_ = (consoles[type] = await TestConsole.open(`pages of ${type}`, {
      sql: [...statements],
    }));
    for (let n = 0; n < 24; n += 1) {
      const id = `00000000-0000-4000-8000-0000000000${String(n).padStart(2, '0')}`;
      await insertJob(console_.client, {
        id,
        priority: n % 3 ? n % 2 : null,
        created_at: at(n),
        scheduled_at: n % 5 ? at(n + 1) : null,
        ...(n % 4 ? {} : { ...RUNNING, performed_at: at(n) }),
      });
    }
  }
});
afterAll(() => Promise.all(Object.values(consoles).map((one) => one.close())));

const list = (console_: TestConsole, query: string, cursor: Cursor | null = null) =>
  listJobs(
    console_.ctx(),
    parseJobFilter(
      new URLSearchParams({
        ...Object.fromEntries(new URLSearchParams(query)),
        ...(cursor ? cursorParams(cursor) : {}),
      }),
    ),
  );

it.each([
  'sort=-created',
  'sort=scheduled',
  'sort=-finished',
  'state=queued&sort=priority',
  'state=queued&sort=-priority',
  'state=running',
])('the list %s has the same pages with timestamp and timestamptz columns', async (query) => {
  for (const console_ of Object.values(consoles)) {
    const whole = (await list(console_, query)).rows.map(({ id }) => id);
    const read: string[] = [];
    let page = await list(console_, `${query}&limit=5`);
    for (
      read.push(...page.rows.map(({ id }) => id));
      page.next;
      read.push(...page.rows.map(({ id }) => id))
    ) {
      page = await list(console_, `${query}&limit=5`, page.next);
    }
    expect(read).toEqual(whole);
    expect(whole).toEqual(
      (await list(consoles.timestamp as TestConsole, query)).rows.map(({ id }) => id),
    );
  }
});

it.each(['timestamp', 'timestamptz'])(
  "resumes at a deleted row's time with a Tokyo offset in columns of type %s",
  async (type) => {
    const page = await list(
      consoles[type] as TestConsole,
      'after_id=ffffffff-ffff-4fff-8fff-ffffffffffff&after_at=2026-11-20T19:00:01.123450%2B09:00&limit=3',
    );
    expect(page.rows).toMatchObject([
      { sortAt: '2026-11-20T10:00:01.123450Z' },
      { sortAt: '2026-11-20T10:00:01.123450Z' },
      { sortAt: '2026-11-20T10:00:01.123450Z' },
    ]);
  },
);
