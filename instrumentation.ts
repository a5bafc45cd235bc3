/**
 * Next calls this once at startup. Registers what the server outside of Next's bundle needs: the
 * metrics recorder, the demo check and the revocation store. Never delays startup.
 */
export async function register(): Promise<void> {
  if (process.env.NEXT_RUNTIME !== 'nodejs') return;
  const { registerRecorder: offerRecorder } = await import('./server/recorder');
  const { createRecorder } = await import('./lib/metrics/metrics');
  offerRecorder(createRecorder);
  const {
    database,
    detectAgainAfter,
    loadDetection: detected,
    hasDemoTables,
    logDatabase,
  } = await import('./lib/context/detection');
  const { env } = await import('./lib/config/environment');
  const { setDemoCheck } = await import('./lib/good-job/tables');
  setDemoCheck(hasDemoTables);
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
