/** Runs once when the server starts: says in one line what database it found, and stands ready to answer /metrics. Never holds the start up. */
export async function register(): Promise<void> {
  if (process.env.NEXT_RUNTIME !== 'nodejs') return;
  const { offerRecorder } = await import('./lib/metrics/recorder');
  const { createRecorder } = await import('./lib/metrics/metrics');
  offerRecorder(createRecorder);
  const { holdsDemoTables, logDatabase } = await import('./lib/startup');
  const { offerDemoCheck } = await import('./lib/demo-database');
  offerDemoCheck(holdsDemoTables);
  void logDatabase();
}
