import { test } from 'vitest';
import { journalCases } from '../../../src/testing/journal-cases.js';
import { freshState, harnessOf } from './state.js';

test.for(journalCases.map(({ name, run }) => [name, run] as const))('%s', async ([, run]) => {
  await run(harnessOf(await freshState()));
});
