import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { SourceCopy } from '../support/source-copy.js';
import { plantedFaults } from './planted-faults.js';

let copy: SourceCopy;

beforeAll(async () => {
  copy = await SourceCopy.make('test/engine');
});

afterAll(() => copy.remove());

/** What the matrix finds first in the copy. */
async function firstFinding(scenarios: readonly string[]): Promise<unknown> {
  return copy.run('test/engine/crash-matrix-process.ts', ...scenarios);
}

describe('the crash matrix finds what is planted', () => {
  it('and finds nothing where nothing is planted', async () => {
    expect(await firstFinding(['success', 'failed drain'])).toBeNull();
  });

  for (const { name, scenarios, ...edit } of plantedFaults) {
    it(name, async () => {
      expect(await copy.planted([edit], async () => firstFinding(scenarios))).toMatchObject({
        invariant: expect.any(String),
        what: expect.any(String),
      });
    });
  }
});
