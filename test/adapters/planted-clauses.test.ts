import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { plantedClauses } from './planted-clauses.js';

const repository = new URL('../../', import.meta.url);

// That each is noticed is shown by `npm run mutate:sql`: every one takes the suites of the adapters once.
describe('a clause of the state database', () => {
  for (const { name, file, find } of plantedClauses) {
    it(`${name}: stands where it is taken away`, async () => {
      const source = await readFile(fileURLToPath(new URL(file, repository)), 'utf8');
      expect(source.split(find).length, `${file} holds the text to replace once`).toBe(2);
    });
  }

  it('is named once', () => {
    expect(new Set(plantedClauses.map((each) => each.name)).size).toBe(plantedClauses.length);
  });
});
