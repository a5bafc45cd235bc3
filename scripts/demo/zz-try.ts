import { startPostgres } from '../../test/harness/postgres';
import { seedDemo } from './seed';
import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
const s = await startPostgres({});
const url = await s.createDatabase('demo');
await seedDemo({ url, schema: 'public' }, { log: console.log });
const c = new pg.Client({ connectionString: url }); await c.connect(); await c.query(`set time zone 'UTC'`);
const q = async (t: string) => console.table((await c.query(t)).rows);
const w = spawn(process.execPath, ['--conditions=react-server', '--import', 'tsx', 'scripts/demo/worker.ts'], { stdio: 'inherit', env: { ...process.env, DATABASE_URL: url } });
for (let i = 0; i < Number(process.argv[2] ?? 4); i++) {
  await sleep(15000);
  await q(`SELECT CASE WHEN finished_at IS NOT NULL THEN CASE WHEN error IS NULL THEN 'succeeded' ELSE 'discarded' END WHEN performed_at IS NOT NULL THEN 'running' WHEN scheduled_at <= now() THEN 'queued' WHEN error IS NOT NULL THEN 'retried' ELSE 'scheduled' END AS s, count(*), count(*) filter (where locked_by_id is not null) lk, count(*) filter (where created_at > now() - interval '15 s') fresh, max(finished_at)::text fin FROM good_jobs GROUP BY 1`);
}
await q(`SELECT id, state->>'hostname' h, lock_type, now()-updated_at seen, state->'schedulers' s from good_job_processes`);
await q(`SELECT description, enqueued_at is not null e, discarded_at is not null d, jobs_finished_at is not null jf, finished_at is not null f, (select count(*) from good_jobs j where j.batch_id=b.id) n, (select count(*) from good_jobs j where j.batch_id=b.id and finished_at is null) open,(select count(*) from good_jobs j where j.batch_callback_id=b.id) cb from good_job_batches b order by created_at desc limit 8`);
await q(`SELECT count(*) , error_event, avg(duration) from good_job_executions where created_at > now() - interval '2 min' group by 2`);
await q(`SELECT cron_key, cron_at::text, finished_at::text from good_jobs where cron_key is not null order by created_at desc limit 4`);
console.log((await c.query(`SELECT row_to_json(j)::text r FROM good_jobs j WHERE error_event=3 and created_at > now() - interval '1 min' LIMIT 1`)).rows[0]);
await q(`SELECT count(*) from pg_locks where locktype='advisory'`);
console.time('stop'); w.kill('SIGTERM'); await new Promise((r) => w.once('exit', (code, sig) => { console.log('exit', code, sig); r(1); })); console.timeEnd('stop');
await q(`SELECT count(*) from pg_locks where locktype='advisory'`);
await q(`SELECT count(*) from good_jobs where performed_at is not null and finished_at is null`);
await q(`SELECT state->>'hostname' h from good_job_processes`);
await c.end(); await s.stop();
