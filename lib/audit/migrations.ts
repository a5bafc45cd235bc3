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
];
