/*
 * Loaded before a child's own program: ends it when the demo is gone without having said so (kill -9), which no
 * signal would tell it.
 */
const demo = Number(process.env.GOOD_JOB_CONSOLE_DEMO_PID);
setInterval(() => {
  if (process.ppid !== demo) process.kill(process.pid, 'SIGTERM');
}, 1_000).unref();

export {};
