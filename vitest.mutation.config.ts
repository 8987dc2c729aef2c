import { defineConfig } from 'vitest/config';
import house from './vitest.config.js';

// What `npm run mutate` judges by: tests that need no server and no process, because they run once for every mutant.
export default defineConfig({
  ...(house.resolve === undefined ? {} : { resolve: house.resolve }),
  test: {
    include: [
      'test/core/**/*.test.ts',
      'test/engine/{advance,run-step,session}.test.ts',
      // Of the steps: whole rotations in memory, driven by hand.
      'test/engine/{create,label-moves,replaced-value,rewound,rewound-back,stale-read,swap,undone-create}.test.ts',
    ],
    testTimeout: 60_000,
  },
});
