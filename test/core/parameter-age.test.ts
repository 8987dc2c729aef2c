import { expect, test } from 'vitest';
import { unchangedForMs, unreadForMs } from '../../src/core/parameter-age.js';

const record = { nowMs: 1_000, recordedSinceMs: 100 };

test.each([
  ['its last read', { sinceMs: 0, lastReadAtMs: 700 }, record, 300],
  ['its first version, where nobody has read it', { sinceMs: 400, lastReadAtMs: null }, record, 600],
  ['the beginning of the record, where it is older than that', { sinceMs: 0, lastReadAtMs: null }, record, 900],
  ['now, where there is no record', { sinceMs: 0, lastReadAtMs: null }, { ...record, recordedSinceMs: null }, 0],
  ['its first version, where it was made anew after a read', { sinceMs: 600, lastReadAtMs: 500 }, record, 400],
  ['now, where its read is later than the look', { sinceMs: 0, lastReadAtMs: 1_001 }, record, 0],
])('a parameter is unread since %s', (_, times, known, expected) => {
  expect(unreadForMs({ changedAtMs: 0, ...times }, known)).toBe(expected);
});

test('a parameter is unchanged since its newest version, whether or not it was read', () => {
  expect(unchangedForMs({ changedAtMs: 250, sinceMs: 0, lastReadAtMs: 999 }, record)).toBe(750);
});
