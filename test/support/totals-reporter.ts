import type { Reporter, TestModule } from 'vitest/node';
import './figures.js';

/**
 * Names what was skipped, repeats what was counted, and ends every run with `N passed, N failed[, N skipped]` alone on
 * a line; a file that did not load counts as failed.
 */
export default class TotalsReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): void {
    const skippedSuites = new Map<string, number>();
    const figures: string[] = [];
    const totals = { passed: 0, failed: unhandledErrors.length, skipped: 0 };
    for (const module of modules) {
      const tests = [...module.children.allTests()];
      for (const test of tests) {
        const { state } = test.result();
        totals[state === 'pending' ? 'skipped' : state] += 1;
        figures.push(...(test.meta().figures ?? []));
        if (state !== 'skipped') continue;
        const suite = test.parent.type === 'suite' ? test.parent.fullName : test.name;
        const name = `${module.relativeModuleId}: ${suite}`;
        skippedSuites.set(name, (skippedSuites.get(name) ?? 0) + 1);
      }
      const hasFailedTest = tests.some((test) => test.result().state === 'failed');
      if (module.state() === 'failed' && !hasFailedTest) totals.failed += 1;
    }
    for (const [name, count] of skippedSuites) process.stdout.write(`skipped ${count} of ${name}\n`);
    for (const line of figures) process.stdout.write(`${line}\n`);
    const skipped = totals.skipped === 0 ? '' : `, ${totals.skipped} skipped`;
    process.stdout.write(`${totals.passed} passed, ${totals.failed} failed${skipped}\n`);
  }
}
