import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compareTokens, isRewound, judgeFence } from '../../src/core/fence.js';

const token = (era: number, epoch: number) => ({ era, epoch });
const mine = (era: number, epoch: number, known = true) => ({ era, epoch, known });
const tokens = fc.record({ era: fc.integer({ min: 0, max: 4 }), epoch: fc.integer({ min: 0, max: 9 }) });

describe('a target that can fence', () => {
  it('lets the same and a newer executor pass', () => {
    expect(judgeFence(token(1, 5), mine(1, 5))).toBe('pass');
    expect(judgeFence(token(1, 5), mine(1, 6))).toBe('pass');
  });

  it('refuses an older executor', () => {
    expect(judgeFence(token(1, 5), mine(1, 4))).toBe('stale');
  });

  it('takes a later era as newer than any epoch of an earlier one', () => {
    expect(judgeFence(token(1, 900), mine(2, 1))).toBe('pass');
    expect(judgeFence(token(2, 1), mine(1, 900))).toBe('stale');
  });

  it('refuses a missing token where there must be one, and takes the first', () => {
    expect(judgeFence(null, mine(1, 5, true))).toBe('missing');
    expect(judgeFence(null, mine(1, 5, false))).toBe('pass');
  });

  it('passes no request that is older than one it has passed', () => {
    fc.assert(
      fc.property(fc.array(tokens, { maxLength: 20 }), (requests) => {
        let stored: { era: number; epoch: number } | null = null;
        for (const request of requests) {
          if (judgeFence(stored, { ...request, known: false }) !== 'pass') continue;
          if (stored !== null) expect(compareTokens(stored, request)).toBeLessThanOrEqual(0);
          stored = request;
        }
      }),
    );
  });
});

it('a token newer than any we gave out shows that our database was rewound', () => {
  expect(isRewound(token(1, 6), token(1, 5))).toBe(true);
  expect(isRewound(token(2, 1), token(1, 5))).toBe(true);
  expect(isRewound(token(1, 5), token(1, 5))).toBe(false);
  expect(isRewound(token(1, 4), token(1, 5))).toBe(false);
});
