import { isLong } from './length.js';

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

/** Of the command line, whose commands take their time together, and more where workers are waited for. */
const ofCommands = [
  'acks',
  'admin-file',
  'agent',
  'audit',
  'bad-input',
  'consumers',
  'doctor',
  'exec',
  'isolated',
  'kms',
  'moved',
  'instances',
  'orphans',
  'own-login',
  'refused-logins',
  'repair',
  'rewrap',
  'rotator',
  'rotators',
  'self-managed',
  'ssm',
  'store-export',
  'store-get',
  'store-keep',
  'store-rollback',
  'store-report',
  'store-server',
  'uncaught',
  'up',
  'up-store',
  'webhook-key',
];

/** Suites that `npm run test:all` runs and `npm test` does not, because `npm test` has ten minutes. */
const longSuites: readonly string[] = [
  ...ofCrashes.map((name) => `test/crash/${name}.test.ts`),
  ...ofCommands.map((name) => `test/cli/${name}.test.ts`),
  'test/agent/killed.test.ts',
  'test/load/load.test.ts',
  // Each starts several servers.
  ...['changes', 'secrecy'].map((name) => `test/rotators/mariadb/${name}.test.ts`),
  // What leaks is looked for in the sinks of every suite; here in those of the demo, at debug, with leaks planted.
  'test/e2e/leaks.test.ts',
  'test/e2e/demo-ends-early.test.ts',
  'test/e2e/example-application.test.ts',
  'test/e2e/rotator-scaffold.test.ts',
  'test/embedded/persistent-folder.test.ts',
  'test/embedded/guard.test.ts',
  'test/embedded/postgres.test.ts',
  // The same judge and the same store as in process and with labels, by way of a process or a second parameter.
  'test/rotators/random/isolated.test.ts',
  'test/adapters/child/faults.test.ts',
  'test/adapters/aws/ssm-shadow-rotations.test.ts',
  'test/engine/planted-faults.test.ts',
];

/** Suites of which `npm test` runs a part, and `npm run test:all` the rest as well. */
const suitesWithLongParts: readonly string[] = [
  'test/crash/kill-matrix.test.ts',
  'test/e2e/demo.test.ts',
  'test/engine/crash-matrix.test.ts',
  ...['cases', 'changes', 'fence', 'in-place', 'preflight', 'secrecy', 'two-role'].map(
    (name) => `test/rotators/postgres/${name}.test.ts`,
  ),
  'test/search/search.test.ts',
  'test/sim/planted-bugs.test.ts',
  'test/sim/sim.test.ts',
  'test/ssm-server/fuzz.test.ts',
];

/** What a run without long parts leaves out. */
export const leftOut: readonly string[] = isLong ? [] : longSuites;

/** All that has long parts. */
export const allLong: readonly string[] = [...longSuites, ...suitesWithLongParts];
