/**
 * Suites of the process rig that `npm run test:all` runs and `npm test` does not: each takes the better part of a minute,
 * and `npm test` has ten.
 */
export const longSuites: readonly string[] =
  process.env['KEYTURN_TEST_LONG'] === '1'
    ? []
    : ['clock', 'copied-database', 'disk-full', 'queue-loss', 'stall', 'state-loss', 'target-loss', 'webhook-kill'].map(
        (name) => `test/crash/${name}.test.ts`,
      );
