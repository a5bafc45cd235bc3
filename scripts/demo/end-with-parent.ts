/*
 * Loaded before a child's own program: ends it when the demo is gone without having said so (kill -9), which no
 * signal would tell it.
 */
const demo = Number(process.env.GOOD_JOB_CONSOLE_DEMO_PID);
const timer = setInterval(() => {
  if (process.ppid === demo) return;
  clearInterval(timer);
  process.kill(process.pid, 'SIGINT');
}, 1_000).unref();

export {};
