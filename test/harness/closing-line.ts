import type { Reporter, TestModule } from 'vitest/node';

/** Prints the counts of the run on one last line, so that skipped tests are noticed. */
export default class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const states = modules.flatMap((module) =>
      [...module.children.allTests()].map((test) => test.result().state),
    );
    const failedModules = modules.filter(
      (module) => module.state() === 'failed' && ![...module.children.allTests('failed')].length,
    ).length;
    const count = (expected: string) => states.filter((state) => state === expected).length;
    console.log(
      `unit: ${count('passed')} passed, ${count('failed') + failedModules} failed, ${count('skipped')} skipped`,
    );
  }
}
