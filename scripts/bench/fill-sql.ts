import pg from 'pg';
import type { LargeBatch } from './large-batches';

/*
 * SQL that creates the rows of the scratch database. All values of a job are derived from a hash of
 * its number (`seed`), so that fills of the same size differ only in their times.
 */

/** Seeds of the jobs and callback jobs of large batches, which must not collide with others. */
const MEMBERS = '1000000000000';
const CALLBACKS = '2000000000000';

const CUSTOMERS = [
  '株式会社さくら商事',
  '有限会社山田製作所',
  '北海道フーズ株式会社',
  '合同会社みらいテック',
  '大阪運輸株式会社',
  '株式会社青葉システム',
  'Yamato Trading Co., Ltd.',
  '医療法人社団つばさ会',
];
const NOTES = [
  '月末締め翌月払い。請求書は経理部宛てに郵送し、控えをメールでも送付してください。',
  '納品先の住所が変更されています。出荷前に担当者へ確認の連絡を入れてください。',
  '前回分の入金が確認できていないため、督促の対象から外さないでください。',
  '取込ファイルの文字コードは Shift_JIS です。外字が含まれる場合は置き換えてください。',
];
const ERRORS = [
  'Net::ReadTimeout: Net::ReadTimeout with #<TCPSocket:(closed)>',
  "ActiveRecord::RecordNotFound: Couldn't find Invoice with 'id'=48211",
  'Faraday::ServerError: the server responded with status 503',
  '請求::金額不一致エラー: 明細の合計が請求額と一致しません（差額 1,200 円）',
];
const AREAS = [
  'Billing',
  'Orders',
  'Imports',
  'Mailers',
  'Search',
  'Reports',
  'Webhooks',
  'Inventory',
  'Accounts',
  'Cleanup',
];
const VERBS = ['SyncJob', 'ExportJob', 'NotifyJob', 'RebuildJob'];

const array = (values: string[]) =>
  `ARRAY[${values.map((value) => pg.escapeLiteral(value)).join(', ')}]`;
const CLASSES = AREAS.flatMap((area) => VERBS.map((verb) => `${area}::${verb}`));
const QUEUES = [
  'default',
  'mailers',
  'invoices',
  'imports',
  'webhooks',
  'search',
  'reports',
  'low',
  'critical',
  'inventory',
  'media',
  'maintenance',
];
const BACKTRACE = [
  "/app/app/services/billing/client.rb:42:in `post'",
  "/app/app/jobs/application_job.rb:18:in `block in perform'",
  ...Array.from(
    { length: 22 },
    (_, n) =>
      `/usr/local/bundle/gems/activejob-7.2.2/lib/active_job/callbacks.rb:${120 + n}:` +
      `in \`block (${n} levels) in run_callbacks'`,
  ),
];

/** Picks one of `values` by a hash of the row. */
const pick = (values: string[], dice: number) =>
  `(${array(values)})[1 + pg_temp.dice(seed, ${dice}) % ${values.length}]`;

export function prepareSql(batches: LargeBatch[]): string {
  const rows = batches.map(
    ({ size, ageHours, seconds, done }, no) => `
      (
        ${no},
        ${size},
        (SELECT at FROM clock) - interval '${ageHours} hours' - interval '${no} minutes',
        ${seconds}::float8,
        ${done}::float8
      )`,
  );
  return `
    CREATE FUNCTION pg_temp.dice(seed bigint, which int)
      RETURNS int
      LANGUAGE sql
      IMMUTABLE
      AS 'SELECT (hashint8extended($1, $2) & 2147483647)::int';
    CREATE TEMP TABLE clock AS SELECT (clock_timestamp() AT TIME ZONE 'UTC')::timestamp AS at;
    CREATE TEMP TABLE large (no int, size int, first timestamp, seconds float8, done float8);
    ${rows.length > 0 ? `INSERT INTO large VALUES ${rows.join(', ')};` : ''}
    SET work_mem = '256MB';
    SET maintenance_work_mem = '512MB';
    SET synchronous_commit = off`;
}

/** Selects the large batches that begin in the time slice of this statement. */
const SLICE = `
  first >= $1::timestamp + $3 * $2::float8 * interval '1 second'
  AND first < $1::timestamp + ($4 + 1) * $2::float8 * interval '1 second'`;

/**
 * The jobs to create. `done` is whether a job of a large batch is finished; null for other jobs.
 */
const PLAN = `
  SELECT
    n AS seed,
    $1::timestamp + n * $2::float8 * interval '1 second' AS created_at,
    CASE WHEN n % 100 < 10 THEN md5('small ' || n / 100)::uuid END AS batch_id,
    CASE WHEN n % 100 = 10 THEN md5('small ' || n / 100)::uuid END AS batch_callback_id,
    CASE WHEN n % 100 <= 10 THEN n / 100 ELSE n END AS kin,
    NULL::boolean AS done,
    n * $2::float8 > 0.85 * $5::float8 AND n % 100 > 10 AS may_be_open,
    n % 50 = 20 AS cron
  FROM generate_series($3::bigint, $4::bigint) n
  UNION ALL
  SELECT
    ${MEMBERS} + no * 10000000::bigint + i,
    first + i * seconds / size * interval '1 second',
    md5('large ' || no)::uuid,
    NULL,
    no * 3 + i % 3,
    i <= size * done,
    false,
    false
  FROM large, generate_series(1, size) i
  WHERE ${SLICE}
  UNION ALL
  SELECT
    ${CALLBACKS} + no,
    first + (seconds + 600) * interval '1 second',
    NULL,
    md5('large ' || no)::uuid,
    no,
    true,
    false,
    false
  FROM large
  WHERE done = 1
    AND ${SLICE}`;

/** Most unfinished jobs of a large batch are queued. */
const STATE = `
  CASE
    WHEN done THEN CASE WHEN luck < 100 THEN 'discarded' ELSE 'succeeded' END
    WHEN NOT done THEN CASE
      WHEN luck < 400 THEN 'scheduled'
      WHEN luck < 700 THEN 'retried'
      WHEN luck < 710 THEN 'running'
      ELSE 'queued'
    END
    WHEN luck < 150 THEN 'discarded'
    WHEN may_be_open THEN CASE
      WHEN luck < 350 THEN 'scheduled'
      WHEN luck < 480 THEN 'retried'
      WHEN luck < 680 THEN 'queued'
      WHEN luck < 700 THEN 'running'
      ELSE 'succeeded'
    END
    ELSE 'succeeded'
  END`;

const ATTEMPTS = `
  CASE
    WHEN state IN ('queued', 'scheduled') THEN 0
    WHEN state = 'discarded' THEN 5
    WHEN state = 'retried' OR pg_temp.dice(seed, 2) % 100 < 25 THEN 2
    ELSE 1
  END`;

const JOB_ARGUMENTS = `
  jsonb_build_array(jsonb_build_object(
    'invoice_id', pg_temp.dice(seed, 5),
    'customer', ${pick(CUSTOMERS, 6)},
    'note', ${pick(NOTES, 7)},
    'amount', pg_temp.dice(seed, 8) % 1000000,
    'tenant', 'tenant-' || pg_temp.dice(seed, 9) % 200,
    '_aj_ruby2_keywords', '["invoice_id", "customer", "note", "amount", "tenant"]'::jsonb
  ))`;

const FINISH_EVENT = JSON.stringify({
  event: { value: 'finish', _aj_serialized: 'ActiveJob::Serializers::SymbolSerializer' },
  _aj_symbol_keys: ['event'],
});

const CALLBACK_ARGUMENTS = `
  jsonb_build_array(
    jsonb_build_object(
      '_aj_globalid', 'gid://bench-app/GoodJob::Batch/' || batch_callback_id
    ),
    '${FINISH_EVENT}'::jsonb
  )`;

const PAYLOAD = `
  jsonb_build_object(
    'job_class', job_class,
    'job_id', id,
    'provider_job_id', NULL,
    'queue_name', queue_name,
    'priority', priority,
    'arguments', CASE
      WHEN batch_callback_id IS NULL THEN ${JOB_ARGUMENTS}
      ELSE ${CALLBACK_ARGUMENTS}
    END,
    'executions', greatest(executions_count - 1, 0),
    'exception_executions', '{}'::jsonb,
    'locale', 'ja',
    'timezone', 'Asia/Tokyo',
    'enqueued_at', to_char(created_at, 'YYYY-MM-DD"T"HH24:MI:SS.US"000Z"'),
    'scheduled_at', NULL
  )`;

/** A pseudo-random index into `count` values that favours low indexes. */
const skewedIndex = (count: number, dice: number) =>
  `1 + (${count} * power(pg_temp.dice(kin, ${dice}) / 2147483648.0, 2))::int % ${count}`;

/** Jobs with id, class, queue and priority. */
const NAMED_JOBS = `
  SELECT *,
    md5('job ' || seed)::uuid AS id,
    ${ATTEMPTS} AS executions_count,
    CASE
      WHEN batch_callback_id IS NOT NULL THEN 'Billing::BatchFinishedJob'
      ELSE (${array(CLASSES)})[${skewedIndex(CLASSES.length, 3)}]
    END AS job_class,
    (${array(QUEUES)})[${skewedIndex(QUEUES.length, 4)}] AS queue_name,
    CASE pg_temp.dice(kin, 10) % 10
      WHEN 0 THEN -10
      WHEN 1 THEN 10
      WHEN 2 THEN 5
      ELSE 0
    END AS priority
  FROM judged
  ORDER BY created_at`;

/** Named jobs with the intervals `wait` (before their last run) and `run` (its duration). */
const TIMED_JOBS = `
  SELECT *,
    (
      1 + greatest(executions_count - 1, 0) * 60 + pg_temp.dice(seed, 11) % 1000 / 1000.0
    ) * interval '1 second' AS wait,
    (pg_temp.dice(seed, 12) % 20000 / 1000.0) * interval '1 second' AS run
  FROM named`;

const INSERT_JOBS = `
  INSERT INTO good_jobs (
    id, active_job_id, queue_name, priority, job_class, serialized_params,
    created_at, updated_at, scheduled_at, performed_at, finished_at,
    error, error_event, executions_count, labels, concurrency_key, cron_key, cron_at,
    batch_id, batch_callback_id, locked_by_id, locked_at, lock_type
  )
  SELECT
    id,
    id,
    queue_name,
    priority,
    job_class,
    ${PAYLOAD},
    created_at,
    coalesce(created_at + wait + run, created_at),
    CASE
      WHEN state IN ('scheduled', 'retried') THEN (SELECT at FROM clock)
        + (60 + pg_temp.dice(seed, 13) % 259200) * interval '1 second'
      ELSE created_at
    END,
    CASE WHEN state IN ('running', 'succeeded', 'discarded') THEN created_at + wait END,
    CASE WHEN state IN ('succeeded', 'discarded') THEN created_at + wait + run END,
    CASE WHEN state IN ('retried', 'discarded') THEN ${pick(ERRORS, 14)} END,
    CASE state WHEN 'retried' THEN 3 WHEN 'discarded' THEN 4 END,
    executions_count,
    CASE
      WHEN pg_temp.dice(seed, 15) % 10 < 3 THEN ARRAY[
        'tenant-' || pg_temp.dice(seed, 9) % 200,
        ${pick(['請求', '月次', 'vip', '再送'], 16)}
      ]
    END,
    CASE
      WHEN pg_temp.dice(seed, 17) % 10 = 0 THEN job_class || '/' || pg_temp.dice(seed, 18) % 1000
    END,
    CASE WHEN cron THEN 'nightly_' || seed / 50 % 20 END,
    CASE WHEN cron THEN created_at END,
    batch_id,
    batch_callback_id,
    CASE state WHEN 'running' THEN md5('process ' || seed % 8)::uuid END,
    CASE state WHEN 'running' THEN created_at + wait END,
    CASE state WHEN 'running' THEN 1 END
  FROM (${TIMED_JOBS}) n
  RETURNING *`;

const INSERT_EXECUTIONS = `
  INSERT INTO good_job_executions (
    id, active_job_id, job_class, queue_name, serialized_params,
    created_at, updated_at, scheduled_at, finished_at,
    error, error_event, error_backtrace, process_id, duration
  )
  SELECT
    md5(id::text || g)::uuid,
    id,
    job_class,
    queue_name,
    jsonb_set(serialized_params, '{executions}', to_jsonb(g - 1)),
    created_at + (g * 60 - 59) * interval '1 second',
    updated_at,
    created_at + (g - 1) * interval '1 minute',
    CASE
      WHEN g < executions_count OR performed_at IS NULL
        THEN created_at + (g * 60 - 55) * interval '1 second'
      ELSE finished_at
    END,
    CASE
      WHEN failed
        THEN coalesce(error, 'Net::ReadTimeout: Net::ReadTimeout with #<TCPSocket:(closed)>')
    END,
    CASE WHEN failed THEN CASE WHEN g = 5 THEN 4 ELSE 3 END END,
    CASE WHEN failed THEN ${array(BACKTRACE)} END,
    md5('process ' || g % 8)::uuid,
    CASE
      WHEN g < executions_count THEN interval '4 seconds'
      ELSE finished_at - performed_at
    END
  FROM (
    SELECT *, g < executions_count OR error IS NOT NULL AS failed
    FROM jobs, generate_series(1, executions_count) g
  ) e`;

/**
 * Inserts jobs in the order of created_at, as an application does, and their executions.
 * Parameters: time of the first job, seconds between jobs, first and last number, total seconds.
 */
export const JOBS_SQL = `
  WITH plan AS (${PLAN}),
  judged AS (
    SELECT *, ${STATE} AS state
    FROM (SELECT *, pg_temp.dice(seed, 1) % 10000 AS luck FROM plan) p
  ),
  named AS (${NAMED_JOBS}),
  jobs AS (${INSERT_JOBS})
  ${INSERT_EXECUTIONS}`;

/** Inserts batches consistent with their jobs, processes and a pause. */
export const BATCHES_SQL = `
  INSERT INTO good_job_batches (
    id, created_at, updated_at, description, serialized_properties,
    on_finish, on_discard, callback_queue_name,
    enqueued_at, discarded_at, jobs_finished_at, finished_at
  )
  SELECT
    batch_id,
    first - interval '20 ms',
    coalesce(finished_at, first),
    CASE WHEN jobs > 1000 THEN '一括処理 ' ELSE '月次請求書の作成 ' END || jobs || ' jobs',
    jsonb_build_object(
      'tenant_id', jobs,
      '請求月', to_char(first, 'YYYY-MM'),
      '_aj_symbol_keys', '["tenant_id"]'::jsonb
    ),
    'Billing::BatchFinishedJob',
    CASE WHEN jobs > 1000 THEN 'Billing::BatchDiscardedJob' END,
    'default',
    first - interval '10 ms',
    discarded_at,
    finished_at,
    finished_at + interval '2 s'
  FROM (
    SELECT
      batch_id,
      count(*) AS jobs,
      min(created_at) AS first,
      min(finished_at) FILTER (WHERE error IS NOT NULL) AS discarded_at,
      CASE WHEN bool_and(finished_at IS NOT NULL) THEN max(finished_at) END AS finished_at
    FROM good_jobs
    WHERE batch_id IS NOT NULL
    GROUP BY batch_id
  ) b;
  INSERT INTO good_job_processes (id, created_at, updated_at, state, lock_type)
  SELECT
    md5('process ' || n)::uuid,
    at - interval '1 day',
    at,
    jsonb_build_object(
      'hostname', 'worker-' || n || '.internal',
      'pid', 4000 + n,
      'schedulers', '[]'::jsonb
    ),
    NULL
  FROM clock, generate_series(0, 7) n;
  INSERT INTO good_job_settings (id, key, value, created_at, updated_at)
  SELECT
    gen_random_uuid(),
    'pauses',
    '{"queues": ["media"], "job_classes": [], "labels": []}',
    at,
    at
  FROM clock`;
