import type { TestContext } from 'vitest';

declare module 'vitest' {
  interface TaskMeta {
    /** Sentences with figures, printed after the run. */
    figures?: string[];
  }
}

/**
 * Keeps a sentence with what this test measured or counted; all of them are printed at the end of the run.
 *
 * `line`: what was counted, then the figures, as `simulator: 10000 seeds, 0 violations`. Never a value.
 */
export function reportFigure({ task }: Pick<TestContext, 'task'>, line: string): void {
  task.meta.figures = [...(task.meta.figures ?? []), line];
}
