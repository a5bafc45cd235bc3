import { bundleReaders, ReaderWorker } from '/work/wt-hostile/test/hostile/reader-worker';
import { coreTexts, pairTexts, wordTexts, HOSTILE_JSON } from '/work/wt-hostile/test/hostile/texts';
const only = process.argv[2];
const b = await bundleReaders();
const w = new ReaderWorker(b.file);
const readers = await w.readers();
const core = coreTexts();
console.log(core.length, pairTexts().length, wordTexts().length);
const L = Number(process.env.L ?? 65536);
for (const r of readers) {
  if (only ? !r.name.includes(only) : r.isRedactor) continue;
  const t0 = Date.now();
  for (const t of core) {
    try {
      const x = await w.run(
        { reader: r.name, text: t, lengths: [L], runs: 1 },
        Number(process.env.LIM ?? 1000),
      );
      const ms = x?.[0]?.[0] ?? 9999;
      if (ms > Number(process.env.SLOW ?? 100))
        console.log('  SLOW', r.name, t.name, Math.round(ms));
    } catch (e) {
      console.log('  ERR', r.name, t.name, String(e).slice(0, 100));
    }
  }
  if (r.readsJson)
    for (const j of HOSTILE_JSON) {
      try {
        const x = await w.run(
          { reader: r.name, text: { json: j.name }, lengths: [L], runs: 1 },
          Number(process.env.LIM ?? 1000),
        );
        const ms = x?.[0]?.[0] ?? 9999;
        if (ms > Number(process.env.SLOW ?? 100))
          console.log('  SLOW json', r.name, j.name, Math.round(ms));
      } catch (e) {
        console.log('  ERR json', r.name, j.name, String(e).slice(0, 100));
      }
    }
  console.log(r.name, Date.now() - t0, 'ms');
}
await w.close();
b.remove();
