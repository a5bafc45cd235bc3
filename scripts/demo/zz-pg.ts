import { startPostgres } from '../../test/harness/postgres';
const s = await startPostgres({});
console.log(await s.createDatabase('empty')); console.log(await s.createDatabase('foreign'));
const t = setInterval(() => {}, 1000);
await new Promise((r) => process.once('SIGTERM', r)); await s.stop(); clearInterval(t);
