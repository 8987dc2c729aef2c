/** Of the process rig, each of which takes the better part of a minute. */
const ofCrashes = [
  'api-key-kill',
  'clock',
  'copied-database',
  'disk-full',
  'human',
  'judge',
  'queue-away',
  'queue-loss',
  'restored-target',
  'rig-leaks',
  'sigterm',
  'stall',
  'state-loss',
  'target-loss',
  'twice',
  'webhook-kill',
];

/** Of the command line, which starts a process for every command. */
const ofCommands = [
  'admin-file',
  'audit',
  'bad-input',
  'doctor',
  'exec',
  'isolated',
  'kms',
  'moved',
  'orphans',
  'repair',
  'rewrap',
  'rotator',
  'rotators',
  'ssm',
  'store-export',
  'store-get',
  'store-keep',
  'store-report',
  'store-rollback',
  'store-server',
  'uncaught',
  'up',
  'up-store',
];

/** Suites that `npm run test:all` runs and `npm test` does not, because `npm test` has ten minutes. */
export const longSuites: readonly string[] =
  process.env['KEYTURN_TEST_LONG'] === '1'
    ? []
    : [
        ...ofCrashes.map((name) => `test/crash/${name}.test.ts`),
        ...ofCommands.map((name) => `test/cli/${name}.test.ts`),
        // Each starts several servers.
        ...['changes', 'secrecy'].map((name) => `test/rotators/mariadb/${name}.test.ts`),
        // What leaks is looked for in the sinks of every suite; here in those of the demo, at debug, with leaks planted.
        'test/e2e/leaks.test.ts',
        'test/e2e/demo-ends-early.test.ts',
        'test/e2e/rotator-scaffold.test.ts',
        'test/embedded/persistent-folder.test.ts',
        'test/engine/planted-faults.test.ts',
      ];
