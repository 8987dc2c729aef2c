import { describe, expect, it } from 'vitest';
import { reportFigure } from '../support/figures.js';
import { explore } from './explore.js';
import { worlds } from './worlds.js';

describe('no schedule within the bounds breaks an invariant', () => {
  for (const bounds of worlds) {
    it(bounds.name, { timeout: 600_000 }, (context) => {
      const { states, edges, depth, tookMs, complete, violation } = explore(bounds);
      expect(violation?.trace ?? null).toBeNull();
      expect(complete).toBe(true);
      expect(states).toBeGreaterThan(100);
      reportFigure(
        context,
        `search of ${bounds.name}: ${states} states, ${edges} edges, ${depth} deviations, ${Math.round(tookMs / 1_000)} s, 0 violations`,
      );
    });
  }
});
