import fc from 'fast-check';
import { expect, it } from 'vitest';
import { lengthPrefixed } from '../../src/core/length-prefixed.js';

it('each text stands behind its length in bytes, highest first', () => {
  expect([...lengthPrefixed(['é', '', 'ab'])]).toEqual([0, 0, 0, 2, 0xc3, 0xa9, 0, 0, 0, 0, 0, 0, 0, 2, 0x61, 0x62]);
  expect([...lengthPrefixed([])]).toEqual([]);
});

it('no two lists give the same bytes', () => {
  const lists = fc.array(fc.string({ unit: fc.constantFrom('a', '\0', '\x01', '|'), maxLength: 4 }), { maxLength: 4 });
  fc.assert(
    fc.property(lists, lists, (a, b) => {
      const same = Buffer.compare(lengthPrefixed(a), lengthPrefixed(b)) === 0;
      expect(same).toBe(JSON.stringify(a) === JSON.stringify(b));
    }),
    { numRuns: 500 },
  );
});
