import { describe, expect, it } from 'vitest';
import type { PlannedCheck } from '../../src/core/plan.js';
import {
  type CheckFact,
  type CheckSight,
  checkFactsAfter,
  checkLacking,
  failedCheck,
} from '../../src/core/soak-check.js';

const page: PlannedCheck = { name: 'page', failAfter: 2, kind: 'http', url: 'https://a.example', expectStatus: 204 };
const errors: PlannedCheck = {
  ...{ name: 'errors', failAfter: 2, kind: 'prometheus', url: 'https://b.example', query: 'up', token: null },
  holds: 'below',
  limit: 0.05,
};
const uptime: PlannedCheck = { ...errors, name: 'uptime', holds: 'above', limit: 0.9 };

type Seen =
  | { readonly kind: 'status'; readonly status: number }
  | { readonly kind: 'samples'; readonly values: readonly number[] }
  | { readonly kind: 'nothing'; readonly reason: string };

const look = (check: PlannedCheck, seen: Seen, previous: readonly CheckFact[] = [], atMs = 1): CheckFact => {
  const sight: CheckSight = { check: check.name, ...seen };
  const [fact] = checkFactsAfter([check], [sight], { previous, atMs });
  return fact as CheckFact;
};
const samples = (...values: readonly number[]): Seen => ({ kind: 'samples', values });
const bad: Seen = samples(1);
const good: Seen = samples(0);
const unknown: Seen = { kind: 'nothing', reason: 'ECONNREFUSED' };

describe('what a look at a check says', () => {
  it.each([
    [page, { kind: 'status', status: 204 }, 'good', 'status 204'],
    [page, { kind: 'status', status: 200 }, 'bad', 'status 200, not 204'],
    [page, { kind: 'status', status: 302 }, 'bad', 'status 302, not 204'],
    [errors, samples(0.049), 'good', '0.049 is below 0.05'],
    [errors, samples(0.05), 'bad', '0.05 is not below 0.05'],
    [errors, samples(-1, 0.01, 0), 'good', '0.01 is below 0.05 at the worst of 3 samples'],
    [errors, samples(0.01, 0.9, 0.2), 'bad', '0.9 is not below 0.05 in 2 of 3 samples'],
    [uptime, samples(0.91), 'good', '0.91 is above 0.9'],
    [uptime, samples(0.9), 'bad', '0.9 is not above 0.9'],
    [uptime, samples(1, 0.95), 'good', '0.95 is above 0.9 at the worst of 2 samples'],
    [uptime, samples(1, 0.1, 0.5), 'bad', '0.1 is not above 0.9 in 2 of 3 samples'],
    [errors, samples(Number.POSITIVE_INFINITY), 'bad', 'Infinity is not below 0.05'],
    [errors, samples(), 'unknown', 'its query gave no sample'],
    [errors, samples(Number.NaN), 'unknown', '1 of 1 samples are no number'],
    [errors, samples(0, Number.NaN), 'unknown', '1 of 2 samples are no number'],
    [errors, samples(Number.NaN, 7), 'bad', '7 is not below 0.05 in 1 of 2 samples'],
    [errors, unknown, 'unknown', 'ECONNREFUSED'],
    [page, good, 'unknown', 'it has no status'],
    [errors, { kind: 'status', status: 200 }, 'unknown', 'it has no samples'],
  ] as const)('%o of %o is %s', (check, seen, answer, finding) => {
    expect(look(check, seen)).toMatchObject({ check: check.name, answer, finding, atMs: 1 });
  });

  it('is unknown where nothing was seen of it', () => {
    expect(checkFactsAfter([page], [], { previous: [], atMs: 1 })).toEqual([
      { check: 'page', answer: 'unknown', finding: 'nothing was seen of it', atMs: 1, badLooks: 0 },
    ]);
  });

  it('is no longer than a fact may be', () => {
    expect(look(errors, { kind: 'nothing', reason: 'x'.repeat(10_000) }).finding).toHaveLength(200);
  });

  it('is read of as many samples as an answer can hold', () => {
    const values = Array.from({ length: 300_000 }, () => 0.01);
    expect(look(errors, { kind: 'samples', values })).toMatchObject({ answer: 'good' });
  });
});

describe('looks in a row', () => {
  const after = (...seen: readonly Seen[]): CheckFact =>
    seen.reduce<CheckFact | undefined>(
      (before, each, index) => look(errors, each, before === undefined ? [] : [before], index),
      undefined,
    ) as CheckFact;

  it.each([
    ['one that is bad', [bad], 1, false],
    ['two that are bad', [bad, bad], 2, true],
    ['one that is good between two', [bad, good, bad], 1, false],
    ['one that found out nothing between two', [bad, unknown, bad], 2, true],
    ['one that found out nothing after one', [bad, unknown], 1, false],
    ['none that is bad', [unknown, unknown, good], 0, false],
    ['two, and then nothing was found out', [bad, bad, unknown], 2, false],
  ] as const)('%s', (_, seen, badLooks, fails) => {
    const fact = after(...seen);
    expect(fact.badLooks).toBe(badLooks);
    expect(failedCheck([errors], [fact])).toBe(fails ? fact : undefined);
  });

  it('of a check that is not planned turn nothing back', () => {
    expect(failedCheck([page], [after(bad, bad)])).toBeUndefined();
  });
});

describe('all checks', () => {
  const facts = [look(errors, good), look(uptime, samples(1))];

  it('lack nothing where each was good at this look', () => {
    expect(checkLacking([errors, uptime], facts, 1)).toBeUndefined();
    expect(checkLacking([], [], 1)).toBeUndefined();
  });

  it('lack one that was not asked at this look', () => {
    expect(checkLacking([errors, page], facts, 1)).toBe('check page was not asked');
    expect(checkLacking([errors, uptime], facts, 2)).toBe('check errors was not asked');
  });
});
