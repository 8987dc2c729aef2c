import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { isOnlyLong } from './test/support/length.js';
import { allLong, leftOut } from './test/support/long-suites.js';
import { LongestFirst } from './test/support/longest-first.js';

const at = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

// The same names as `paths` in tsconfig.json and `exports` in package.json: the suite runs the source, never dist/.
const alias = [
  { find: /^keyturn\/rotators\/([^/]+)$/, replacement: at('./rotators/$1/index.ts') },
  { find: /^keyturn\/workflows\/([^/]+)$/, replacement: at('./workflows/$1.ts') },
  { find: /^keyturn\/rotator$/, replacement: at('./src/contract/rotator.ts') },
  { find: /^keyturn\/workflow$/, replacement: at('./src/contract/workflow.ts') },
  { find: /^keyturn\/testing$/, replacement: at('./src/testing/index.ts') },
  { find: /^keyturn\/consumer$/, replacement: at('./src/consumer/index.ts') },
  { find: /^keyturn$/, replacement: at('./src/index.ts') },
];

const architecture = 'test/architecture/**/*.test.ts';
const thirdParty = 'test/third-party';

export default defineConfig({
  resolve: { alias },
  test: {
    // A suite may start a PostgreSQL server and a queue of its own, on a machine that does other things as well.
    // How long is asserted nowhere; these only end what hangs.
    testTimeout: 240_000,
    hookTimeout: 240_000,
    teardownTimeout: 30_000,
    pool: 'forks',
    sequence: { sequencer: LongestFirst },
    // A third of a test file's time is spent waiting for a server: with a file for each core a third of the machine is idle.
    maxWorkers: Math.ceil(availableParallelism() * 1.5),
    // One line of totals at the end, which .ci/run adds up.
    reporters: ['default', './test/support/totals-reporter.ts'],
    projects: [
      // The tests that keep the house need no server: `npm run check` runs them, and nothing else does.
      { extends: true, test: { name: 'house', include: [architecture] } },
      // Against servers of others, which `npm run test:third-party` installs beside them.
      { extends: true, test: { name: 'third-party', include: [`${thirdParty}/*.test.ts`] } },
      {
        extends: true,
        test: {
          name: 'suite',
          include: isOnlyLong ? [...allLong] : ['test/**/*.test.ts'],
          exclude: [architecture, `${thirdParty}/**`, ...leftOut],
          globalSetup: ['./test/support/global-setup.ts'],
          // Every value that a rotator generates can be told from all else.
          setupFiles: ['./test/support/plant-canary-process.mjs'],
        },
      },
    ],
  },
});
