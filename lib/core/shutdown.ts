type Task = () => Promise<void>;

/** Modules are instantiated more than once in one server, and the server itself is a bundle of its own; globalThis is shared. */
const shared = globalThis as typeof globalThis & { goodJobConsoleShutdown?: Map<string, Task> };

/** What has to be brought to an end before the process may go; a name stands for one task. */
export function onShutdown(name: string, task: Task): void {
  (shared.goodJobConsoleShutdown ??= new Map()).set(name, task);
}

/** Runs every task; one that fails does not stop the others. A server calls it at the signal and again after its last request. */
export async function shutdown(): Promise<void> {
  await Promise.allSettled(
    [...(shared.goodJobConsoleShutdown ?? new Map<string, Task>()).values()].map((task) => task()),
  );
}
