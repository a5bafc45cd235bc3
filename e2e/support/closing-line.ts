import type {
  FullConfig,
  FullResult,
  Reporter,
  Suite,
  TestCase,
} from 'playwright/types/testReporter';

/** Prints the counts of the run, including skipped tests with their reasons. */
export default class ClosingLine implements Reporter {
  private tests: TestCase[] = [];

  onBegin(_config: FullConfig, suite: Suite): void {
    this.tests = suite.allTests();
  }

  onEnd(_result: FullResult): void {
    const count = (...outcomes: ReturnType<TestCase['outcome']>[]) =>
      this.tests.filter((test) => outcomes.includes(test.outcome())).length;
    const reasons = new Set(
      this.tests.flatMap((test) =>
        test.annotations
          .filter(({ type }) => type === 'skip')
          .map(({ description }) => description ?? test.title),
      ),
    );
    for (const reason of reasons) console.log(`Skipped: ${reason}`);
    console.log(
      `browser${process.env.GJC_E2E_PGBOUNCER === '1' ? ' behind PgBouncer' : ''}: ` +
        `${count('expected', 'flaky')} passed, ${count('unexpected')} failed, ` +
        `${count('skipped')} skipped`,
    );
  }

  printsToStdio(): boolean {
    return false;
  }
}
