import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { RetryPolicy } from '../../src/core/policy.js';
import { endlessRetryDelayMs, fraction, retryDelayMs } from '../../src/core/retry.js';

const policies: fc.Arbitrary<RetryPolicy> = fc
  .record({
    firstMs: fc.integer({ min: 100, max: 60_000 }),
    times: fc.integer({ min: 1, max: 100 }),
    attemptsPerCycle: fc.integer({ min: 1, max: 12 }),
    cycles: fc.integer({ min: 1, max: 5 }),
  })
  .map(({ firstMs, times, ...rest }) => ({ firstMs, maxMs: firstMs * times, ...rest }));
const keys = fc.string({ minLength: 1, maxLength: 20 });
const policy: RetryPolicy = { firstMs: 1_000, maxMs: 8_000, attemptsPerCycle: 5, cycles: 2 };

/** The delay before jitter, by the words of the policy. */
const full = ({ firstMs, maxMs, attemptsPerCycle }: RetryPolicy, attempt: number): number =>
  Math.min(maxMs, firstMs * 2 ** ((attempt - 1) % attemptsPerCycle));

describe('a delay', () => {
  it('doubles up to its greatest, and begins anew in the next cycle', () => {
    const delays = [1, 2, 3, 4, 5, 6, 7].map((attempt) => full(policy, attempt));
    expect(delays).toEqual([1_000, 2_000, 4_000, 8_000, 8_000, 1_000, 2_000]);
    for (const [index, delay] of delays.entries()) {
      expect(retryDelayMs(policy, index + 1, 'k')).toBeGreaterThanOrEqual(delay * 0.8 - 1);
      expect(retryDelayMs(policy, index + 1, 'k')).toBeLessThanOrEqual(delay);
    }
  });

  it('never has more than a fifth taken off by jitter', () => {
    fc.assert(
      fc.property(policies, fc.integer({ min: 1, max: 60 }), keys, (each, attempt, key) => {
        const delay = endlessRetryDelayMs(each, attempt, key);
        const spent = attempt >= each.attemptsPerCycle * each.cycles;
        const whole = spent ? each.maxMs : full(each, attempt);
        expect(delay).toBeLessThanOrEqual(whole);
        expect(delay).toBeGreaterThanOrEqual(Math.floor(whole * 0.8));
      }),
    );
  });

  it('grows within a cycle, jitter or not, until it is capped', () => {
    fc.assert(
      fc.property(policies, keys, (each, key) => {
        for (let attempt = 1; attempt < each.attemptsPerCycle; attempt += 1) {
          if (full(each, attempt + 1) < full(each, attempt) * 2) return;
          expect(endlessRetryDelayMs({ ...each, cycles: 9 }, attempt + 1, key)).toBeGreaterThan(
            endlessRetryDelayMs({ ...each, cycles: 9 }, attempt, key),
          );
        }
      }),
    );
  });

  it('is the same for the same rotation and attempt', () => {
    fc.assert(
      fc.property(policies, fc.integer({ min: 1, max: 60 }), keys, (each, attempt, key) => {
        expect(retryDelayMs(each, attempt, key)).toBe(retryDelayMs({ ...each }, attempt, key));
      }),
    );
  });

  it('spreads what failed together', () => {
    const delays = new Set(
      Array.from({ length: 200 }, (_, index) => retryDelayMs(policy, 4, `rotation-${index}:create`)),
    );
    expect(delays.size).toBeGreaterThan(100);
  });
});

describe('the budget', () => {
  it('is the attempts of all cycles', () => {
    fc.assert(
      fc.property(policies, fc.integer({ min: 1, max: 80 }), keys, (each, attempt, key) => {
        const spent = attempt >= each.attemptsPerCycle * each.cycles;
        expect(retryDelayMs(each, attempt, key) === undefined).toBe(spent);
      }),
    );
  });

  it('of what is never given up stays at its greatest', () => {
    const delay = endlessRetryDelayMs(policy, 1_000, 'k');
    expect(delay).toBeGreaterThanOrEqual(6_400);
    expect(delay).toBeLessThanOrEqual(8_000);
  });
});

it.each([
  // The test vectors of https://datatracker.ietf.org/doc/draft-eastlake-fnv/: a journal is replayed by later versions.
  ['', 0x811c9dc5],
  ['a', 0xe40c292c],
  ['foobar', 0xbf9cf968],
])('the fraction of "%s" is that of its FNV-1a hash, in this version and the next', (text, hash) => {
  expect(fraction(text)).toBe(hash / 2 ** 32);
});

it('a fraction is in [0, 1) and differs from text to text', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      expect(fraction(text)).toBeGreaterThanOrEqual(0);
      expect(fraction(text)).toBeLessThan(1);
    }),
  );
  expect(fraction('r1:create:1')).not.toBe(fraction('r1:create:2'));
});
