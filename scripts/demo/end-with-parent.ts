/*
 * Preloaded into child processes: ends them if the demo disappears without a signal (kill -9).
 */
const demo = Number(process.env.GOOD_JOB_CONSOLE_DEMO_PID);
const timer = setInterval(() => {
  if (process.ppid === demo) return;
  clearInterval(timer);
  process.kill(process.pid, 'SIGINT');
}, 1_000).unref();

export {};
