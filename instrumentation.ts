/**
 * Next calls this once at start. Registers what the server code outside of Next's bundle needs,
 * logs one line about the database, and never delays the start.
 */
export async function register(): Promise<void> {
  if (process.env.NEXT_RUNTIME !== 'nodejs') return;
  const { offerRecorder } = await import('./server/recorder');
  const { createRecorder } = await import('./lib/metrics/metrics');
  offerRecorder(createRecorder);
  const {
    database,
    detectAgainAfter,
    detected,
    hasDemoTables: holdsDemoTables,
    logDatabase,
  } = await import('./lib/context/detection');
  const { env } = await import('./lib/config/environment');
  const { setDemoCheck } = await import('./lib/context/demo-database');
  setDemoCheck(holdsDemoTables);
  const { createRevocationTable, setRevocationStore } = await import('./lib/sessions/revocation');
  setRevocationStore(() =>
    createRevocationTable({
      db: database(),
      detect: detected,
      detectAgainAfter,
      readOnly: env().readOnly,
    }),
  );
  void logDatabase();
  const { startAdopter } = await import('./lib/bulk/adoption');
  startAdopter();
}
