/**
 * Suites that `npm run test:all` runs and `npm test` does not, because `npm test` has ten minutes: of the process rig, each
 * of which takes the better part of a minute, and of the command line, which starts a process for every command.
 */
export const longSuites: readonly string[] =
  process.env['KEYTURN_TEST_LONG'] === '1'
    ? []
    : [
        ...[
          'clock',
          'copied-database',
          'disk-full',
          'queue-loss',
          'stall',
          'state-loss',
          'target-loss',
          'webhook-kill',
        ].map((name) => `test/crash/${name}.test.ts`),
        ...['exec', 'store-export', 'store-get', 'store-keep', 'store-report', 'store-rollback', 'up-store'].map(
          (name) => `test/cli/${name}.test.ts`,
        ),
      ];
