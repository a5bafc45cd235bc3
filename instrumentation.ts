/** Runs once when the server starts: says in one line what database it found, offers the database to what runs before Next. Never holds the start up. */
export async function register(): Promise<void> {
  if (process.env.NEXT_RUNTIME !== 'nodejs') return;
  const { offerRecorder } = await import('./lib/metrics/recorder');
  const { createRecorder } = await import('./lib/metrics/metrics');
  offerRecorder(createRecorder);
  const { holdsDemoTables, logDatabase } = await import('./lib/context/startup');
  const { offerDemoCheck } = await import('./lib/context/startup');
  offerDemoCheck(holdsDemoTables);
  const { offerRevocationStore } = await import('./lib/sessions/revocation');
  const { createProcessRevocationTable } = await import('./lib/sessions/process-table');
  offerRevocationStore(createProcessRevocationTable);
  void logDatabase();
  const { startAdopter } = await import('./lib/bulk/adoption');
  startAdopter();
}
