import { expect, test } from 'vitest';
import { together } from '../../../rotators/postgres/live-sessions.js';

const none = { kind: 'known', sessions: 0, youngestAgeMs: null, oldestAgeMs: null } as const;
const old = { kind: 'known', sessions: 2, youngestAgeMs: 60_000, oldestAgeMs: 90_000 } as const;
const fresh = { kind: 'known', sessions: 1, youngestAgeMs: 500, oldestAgeMs: 500 } as const;

test('a fresh session at one endpoint is not hidden by old ones at another', () => {
  const both = { kind: 'known', sessions: 3, youngestAgeMs: 500, oldestAgeMs: 90_000 };
  expect(together([old, fresh])).toEqual(both);
  expect(together([fresh, none, old])).toEqual(both);
});

test('no sessions anywhere are zeros, without an age', () => {
  expect(together([none, none])).toEqual(none);
});

test('one endpoint that cannot tell makes it unknown', () => {
  const unknown = { kind: 'unknown', reason: 'it could not be asked' } as const;
  expect(together([none, unknown])).toEqual(unknown);
});
