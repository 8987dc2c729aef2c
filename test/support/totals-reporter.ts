import type { Reporter, TestModule } from 'vitest/node';
import './figures.js';
import { leftOut } from './long-suites.js';
import { type RunLeakScan, scanRun } from './run-leak-scan.js';

/**
 * Scans what the suites have shared for leaked values, names what was skipped, repeats what was counted, and ends every
 * run with `N passed, N failed[, N skipped]` alone on a line; a file that did not load counts as failed, and so does a
 * leak.
 */
export default class TotalsReporter implements Reporter {
  async onTestRunEnd(modules: readonly TestModule[], unhandledErrors: readonly unknown[]): Promise<void> {
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
    const scan = await this.#scan(modules);
    if (scan !== undefined) {
      figures.push(scan.line);
      for (const leak of scan.leaks) process.stdout.write(`leaked: ${JSON.stringify(leak)}\n`);
      totals.failed += scan.leaks.length;
      if (scan.leaks.length > 0) process.exitCode = 1;
    }
    for (const [name, count] of skippedSuites) process.stdout.write(`skipped ${count} of ${name}\n`);
    // Whoever runs a few files by name did not ask for these.
    if (modules.length > leftOut.length) {
      for (const name of leftOut) process.stdout.write(`skipped ${name}: npm run test:all runs it\n`);
    }
    for (const line of figures) process.stdout.write(`${line}\n`);
    const skipped = totals.skipped === 0 ? '' : `, ${totals.skipped} skipped`;
    process.stdout.write(`${totals.passed} passed, ${totals.failed} failed${skipped}\n`);
  }

  /** The servers are still up now. *Returns* undefined where no suite of this run had any. */
  async #scan(modules: readonly TestModule[]): Promise<RunLeakScan | undefined> {
    const [project] = modules.map((module) => module.project).filter(({ name }) => name === 'suite');
    return project === undefined ? undefined : scanRun(project.getProvidedContext());
  }
}
