import { describe, expect, it } from 'vitest';
import { crashMatrix } from './crash-matrix.js';
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
