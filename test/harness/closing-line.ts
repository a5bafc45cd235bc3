import type { Reporter, TestModule } from 'vitest/node';

/** Closes the run with its counts on one plain line, skips included: what was not looked at must be seen. */
export default class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const states = modules.flatMap((module) =>
      [...module.children.allTests()].map((test) => test.result().state),
    );
    const broken = modules.filter(
      (module) => module.state() === 'failed' && ![...module.children.allTests('failed')].length,
    ).length;
    const count = (wanted: string) => states.filter((state) => state === wanted).length;
    console.log(
      `unit: ${count('passed')} passed, ${count('failed') + broken} failed, ${count('skipped')} skipped`,
    );
  }
}
