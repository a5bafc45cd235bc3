import { processState } from './process-state';
type Task = () => Promise<void>;

const tasks = processState('shutdown tasks', () => new Map<string, Task>());

/** What has to be brought to an end before the process may go; a name stands for one task. */
export function onShutdown(name: string, task: Task): void {
  tasks.set(name, task);
}

/** Runs every task; one that fails does not stop the others. A server calls it at the signal and again after its last request. */
export async function shutdown(): Promise<void> {
  await Promise.allSettled([...tasks.values()].map((task) => task()));
}
