/** Runs once when the server starts: says in one line what database it found. Never holds the start up. */
export async function register(): Promise<void> {
  if (process.env.NEXT_RUNTIME !== 'nodejs') return;
  const { logDatabase } = await import('./lib/startup');
  void logDatabase();
}
