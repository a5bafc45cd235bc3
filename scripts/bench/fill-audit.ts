import pg from 'pg';
import { setUpConsoleSchema } from '../../lib/console-schema/setup';
import { asTx, inTransaction } from '../demo/database';

/** Audit records of ten operators over two years, one in a thousand refused. */
const RECORDS_SQL = `
  INSERT INTO good_job_console.audit_events (
    created_at, viewer, role, request_id, action, target_type, target_ids, target_name,
    counts, details, reason, error, refused, before, after
  )
  SELECT
    now() - (($1::bigint - n) * (interval '700 days' / $1::bigint)),
    'operator' || n % 10 || '@example.com',
    'operator',
    md5(n::text)::uuid::text,
    (ARRAY['job.retry', 'job.discard', 'job.reschedule', 'batch.retry', 'pause.pause'])[1 + n % 5],
    CASE n % 5 WHEN 4 THEN 'queue' ELSE 'job' END,
    CASE n % 5
      WHEN 4 THEN '{}'::uuid[]
      ELSE ARRAY[md5((n % ($1::bigint / 3))::text)::uuid]
    END,
    CASE n % 5 WHEN 4 THEN 'queue' || n % 40 END,
    CASE n % 7 WHEN 0 THEN '{"locked": 1}'::jsonb ELSE '{"done": 1}' END,
    '{}',
    CASE n % 3 WHEN 0 THEN 'ticket ' || n END,
    CASE n % 1000 WHEN 0 THEN 'forbidden' END,
    n % 1000 = 0,
    '{"x": {"error_event": "unhandled"}}',
    '{"x": {"error_event": "retried"}}'
  FROM generate_series($2::bigint, $3::bigint) n`;
const CHUNK = 100_000;

/** Sets up the console schema and inserts audit records unless it has at least `records`. */
export async function fillAudit(
  url: string,
  records: number,
  log: (line: string) => void,
): Promise<void> {
  const client = new pg.Client({
    connectionString: url,
    application_name: 'good_job_console_bench',
  });
  await client.connect();
  try {
    await inTransaction(client, () => setUpConsoleSchema(asTx(client)));
    const { rows } = await client.query<{ count: string }>(
      'SELECT count(*) FROM good_job_console.audit_events',
    );
    if (Number(rows[0]?.count) >= records) return;
    await client.query('TRUNCATE good_job_console.audit_events');
    for (let from = 1; from <= records; from += CHUNK)
      await client.query(RECORDS_SQL, [records, from, Math.min(from + CHUNK - 1, records)]);
    await client.query('VACUUM ANALYZE good_job_console.audit_events');
    log(`${records} audit records inserted`);
  } finally {
    await client.end();
  }
}
