/**
 * The console's own schema, version by version; `npm run setup` runs those that are missing, each once. A
 * migration that has been released is never edited: add another.
 */
export const MIGRATIONS: { version: number; name: string; statements: string }[] = [
  {
    version: 1,
    name: 'audit events',
    statements: `
      CREATE TABLE good_job_console.audit_events (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        viewer text NOT NULL,
        role text NOT NULL,
        request_id text NOT NULL,
        action text NOT NULL,
        target_type text NOT NULL,
        target_ids uuid[] NOT NULL,
        counts jsonb NOT NULL,
        details jsonb NOT NULL
      );
      CREATE INDEX audit_events_created_at ON good_job_console.audit_events (created_at, id);
      CREATE INDEX audit_events_target_ids ON good_job_console.audit_events USING gin (target_ids);`,
  },
  {
    version: 2,
    name: 'bulk runs',
    statements: `
      CREATE TABLE good_job_console.bulk_runs (
        id uuid PRIMARY KEY,
        created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
        viewer text NOT NULL,
        role text NOT NULL,
        request_id text NOT NULL,
        audit_id bigint,
        action text NOT NULL,
        scheduled_at timestamptz,
        target text NOT NULL,
        filter text,
        batch_id uuid,
        cut_off_at timestamptz NOT NULL,
        cut_off_txid bigint NOT NULL,
        expected bigint,
        expected_kind text NOT NULL,
        state text NOT NULL,
        pause_reason text,
        controlled_by text,
        collected boolean NOT NULL,
        collected_to_at timestamptz,
        collected_to_id uuid,
        pass smallint NOT NULL DEFAULT 1,
        counts jsonb NOT NULL DEFAULT '{}',
        active_ms bigint NOT NULL DEFAULT 0,
        finished_at timestamptz,
        lease_owner uuid,
        lease_expires_at timestamptz
      );
      CREATE INDEX bulk_runs_created_at ON good_job_console.bulk_runs (created_at, id);
      CREATE TABLE good_job_console.bulk_run_targets (
        run_id uuid NOT NULL,
        pass smallint NOT NULL,
        job_id uuid NOT NULL,
        PRIMARY KEY (run_id, pass, job_id)
      );
      CREATE TABLE good_job_console.bulk_run_samples (
        run_id uuid NOT NULL,
        job_id uuid NOT NULL,
        outcome text NOT NULL,
        code text,
        PRIMARY KEY (run_id, outcome, job_id)
      );`,
  },
  {
    version: 3,
    name: 'audit of named targets',
    statements: `
      ALTER TABLE good_job_console.audit_events ADD COLUMN target_name text;`,
  },
  {
    version: 4,
    name: 'parts of bulk runs',
    statements: `
      ALTER TABLE good_job_console.bulk_run_targets ADD COLUMN part smallint NOT NULL DEFAULT 0;
      ALTER TABLE good_job_console.bulk_run_targets DROP CONSTRAINT bulk_run_targets_pkey;
      ALTER TABLE good_job_console.bulk_run_targets ADD PRIMARY KEY (run_id, pass, part, job_id);`,
  },
  {
    version: 5,
    name: 'audit of reasons, outcomes and changes',
    // The outcome follows the counts, which alone may be updated: those of a bulk run grow (lib/audit/recorder.ts says the same).
    statements: `
      ALTER TABLE good_job_console.audit_events
        ADD COLUMN viewer_name text, ADD COLUMN viewer_email text, ADD COLUMN reason text, ADD COLUMN before jsonb, ADD COLUMN after jsonb,
        ADD COLUMN error text, ADD COLUMN refused boolean NOT NULL DEFAULT false;
      ALTER TABLE good_job_console.audit_events ADD COLUMN outcome text NOT NULL GENERATED ALWAYS AS (
        CASE WHEN refused THEN 'refused' WHEN error IS NOT NULL THEN 'failed'
             WHEN counts = '{}'::jsonb THEN CASE WHEN jsonb_exists(details, 'bulk_run') THEN 'started' ELSE 'done' END
             WHEN counts - 'done'::text = '{}'::jsonb THEN 'done'
             WHEN jsonb_exists(counts, 'done') THEN 'mixed'
             WHEN counts - 'refused'::text = '{}'::jsonb THEN 'refused' ELSE 'unchanged' END) STORED;
      CREATE INDEX audit_events_viewer ON good_job_console.audit_events (viewer, created_at, id);
      CREATE INDEX audit_events_action ON good_job_console.audit_events (action, created_at, id);
      CREATE INDEX audit_events_outcome ON good_job_console.audit_events (outcome, created_at, id);
      CREATE INDEX audit_events_target_name ON good_job_console.audit_events (target_name, created_at, id) WHERE target_name IS NOT NULL;
      CREATE INDEX audit_events_request_id ON good_job_console.audit_events (request_id);
      CREATE INDEX bulk_run_samples_job_id ON good_job_console.bulk_run_samples (job_id);`,
  },
  {
    version: 6,
    name: 'revoked sessions',
    statements: `
      CREATE TABLE good_job_console.revoked_sessions (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        kind text NOT NULL,
        key text NOT NULL,
        expires_at timestamptz NOT NULL,
        issued_until timestamptz,
        revoked_at timestamptz NOT NULL DEFAULT clock_timestamp()
      );
      CREATE INDEX revoked_sessions_revoked_at ON good_job_console.revoked_sessions (revoked_at);
      CREATE INDEX revoked_sessions_expires_at ON good_job_console.revoked_sessions (expires_at);
      CREATE UNIQUE INDEX revoked_sessions_logout_token ON good_job_console.revoked_sessions (key)
        WHERE kind = 'logout_token';`,
  },
  {
    version: 7,
    name: 'adoption of bulk runs',
    statements: `
      CREATE TABLE good_job_console.bulk_run_adoptions (
        run_id uuid PRIMARY KEY,
        count smallint NOT NULL,
        progress text NOT NULL,
        adopted_at timestamptz NOT NULL DEFAULT clock_timestamp()
      );
      CREATE INDEX bulk_runs_running ON good_job_console.bulk_runs (created_at, id) WHERE state = 'running';`,
  },
];
