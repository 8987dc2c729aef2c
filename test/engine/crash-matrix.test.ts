import { describe, expect, it } from 'vitest';
import { isLong } from '../support/length.js';
import { crashMatrix, crashPairs } from './crash-matrix.js';
import { scenarios } from './scenarios.js';

describe('a rotation ends sound wherever its executor is killed, or paused past its lease', () => {
  for (const scenario of scenarios) {
    it(scenario.name, () => {
      const { runs, findings } = crashMatrix([scenario]);
      expect(findings).toEqual([]);
      expect(runs).toBeGreaterThan(100);
    });
  }
});

describe.runIf(isLong)('and wherever its recovery is killed as well (takes minutes: npm run test:all)', () => {
  for (const scenario of scenarios) {
    it(scenario.name, { timeout: 300_000 }, () => {
      const { runs, findings } = crashPairs([scenario]);
      expect(findings).toEqual([]);
      expect(runs).toBeGreaterThan(100);
    });
  }
});
