import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * The suites that take longest, in this order: begun last, one of them would run when nothing else is left to do. The kill
 * matrix begins, which holds leases of seconds and needs two cores by itself, beside the simulator, which gives way, and
 * suites that wait for their servers; what computes without giving way comes after it.
 */
const longest: readonly string[] = [
  'test/crash/kill-matrix.test.ts',
  'test/sim/sim.test.ts',
  'test/testing/rotator-stubs.test.ts',
  'test/rotators/postgres/cases.test.ts',
  'test/e2e/demo.test.ts',
  'test/e2e/leaks.test.ts',
  'test/load/load.test.ts',
  'test/search/search.test.ts',
  'test/sim/planted-bugs.test.ts',
  'test/engine/planted-faults.test.ts',
  'test/engine/crash-matrix.test.ts',
  'test/crash/twice.test.ts',
  'test/cli/bad-input.test.ts',
];

/** Begins with the longest suites; the others as Vitest would. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    return sorted.sort((a, b) => rank(a) - rank(b));
  }
}

function rank({ moduleId }: TestSpecification): number {
  const index = longest.findIndex((each) => moduleId.endsWith(each));
  return index === -1 ? longest.length : index;
}
