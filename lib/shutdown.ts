type Task = () => Promise<void>;

/** Modules are instantiated more than once in one server, and the server itself is a bundle of its own; globalThis is shared. */
const shared = globalThis as typeof globalThis & { goodJobConsoleShutdown?: Map<string, Task> };

/** What has to be brought to an end before the process may go; a name stands for one task. */
export function onShutdown(name: string, task: Task): void {
  (shared.goodJobConsoleShutdown ??= new Map()).set(name, task);
}

/** Ends everything in an orderly way; a task that fails holds nobody up. */
export async function shutdown(): Promise<void> {
  await Promise.allSettled(
    [...(shared.goodJobConsoleShutdown ?? new Map<string, Task>()).values()].map((task) => task()),
  );
}
