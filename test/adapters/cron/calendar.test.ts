import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { calendar } from '../../../src/adapters/cron/calendar.js';

const { next } = calendar();

/** The first `count` times after `after`, each asked for from the one before, as the sweep does. */
function times(cron: string, timezone: string, after: string, count = 3): readonly string[] {
  const found: string[] = [];
  let atMs = Date.parse(after);
  while (found.length < count) {
    atMs = next(cron, timezone, atMs);
    found.push(new Date(atMs).toISOString().replace(':00.000Z', 'Z'));
  }
  return found;
}

test('the next time is strictly after, to the millisecond', () => {
  expect(times('0 12 * * *', 'UTC', '2026-01-01T11:59:59.999Z', 1)).toEqual(['2026-01-01T12:00Z']);
  expect(times('0 12 * * *', 'UTC', '2026-01-01T12:00:00.000Z', 1)).toEqual(['2026-01-02T12:00Z']);
  expect(times('0 12 * * *', 'UTC', '2026-01-01T12:00:00.001Z', 1)).toEqual(['2026-01-02T12:00Z']);
});

test('a schedule of the 29th of February waits for its year, over a century too', () => {
  expect(times('0 0 29 2 *', 'UTC', '2026-03-01T00:00:00Z', 2)).toEqual(['2028-02-29T00:00Z', '2032-02-29T00:00Z']);
  expect(times('0 0 29 2 *', 'UTC', '2097-03-01T00:00:00Z', 1)).toEqual(['2104-02-29T00:00Z']);
});

describe('where the clock is put forward', () => {
  test('a daily time inside the gap fires as much later, and once', () => {
    expect(times('30 2 * * *', 'Europe/Berlin', '2026-03-28T12:00:00Z')).toEqual([
      '2026-03-29T01:30Z',
      '2026-03-30T00:30Z',
      '2026-03-31T00:30Z',
    ]);
    expect(times('0 2 * * *', 'America/New_York', '2026-03-07T12:00:00Z', 2)).toEqual([
      '2026-03-08T07:00Z',
      '2026-03-09T06:00Z',
    ]);
  });

  test('a gap at midnight does not lose the day', () => {
    expect(times('30 0 * * *', 'America/Santiago', '2026-09-05T12:00:00Z', 2)).toEqual([
      '2026-09-06T04:30Z',
      '2026-09-07T03:30Z',
    ]);
  });

  test('a time every half hour goes on every half hour', () => {
    expect(times('*/30 * * * *', 'Europe/Berlin', '2026-03-29T00:30:00Z')).toEqual([
      '2026-03-29T01:00Z',
      '2026-03-29T01:30Z',
      '2026-03-29T02:00Z',
    ]);
  });

  test('a time of one day of the year inside the gap is not lost', () => {
    expect(times('30 2 29 3 *', 'Europe/Berlin', '2026-01-01T00:00:00Z', 2)).toEqual([
      '2026-03-29T01:30Z',
      '2027-03-29T00:30Z',
    ]);
  });
});

describe('where the clock is put back', () => {
  test('a daily time inside the repeated hour fires once, at the first of the two', () => {
    expect(times('30 2 * * *', 'Europe/Berlin', '2026-10-24T12:00:00Z')).toEqual([
      '2026-10-25T00:30Z',
      '2026-10-26T01:30Z',
      '2026-10-27T01:30Z',
    ]);
    expect(times('15 1 * * *', 'America/New_York', '2026-10-31T12:00:00Z', 2)).toEqual([
      '2026-11-01T05:15Z',
      '2026-11-02T06:15Z',
    ]);
  });

  test('an hourly time fires in both of the hours', () => {
    expect(times('0 * * * *', 'Europe/Berlin', '2026-10-24T23:30:00Z')).toEqual([
      '2026-10-25T00:00Z',
      '2026-10-25T01:00Z',
      '2026-10-25T02:00Z',
    ]);
  });
});

test('in any zone a daily schedule fires within a day and two hours, and never backwards', () => {
  const zones = ['UTC', 'Europe/Berlin', 'America/New_York', 'America/Santiago', 'Asia/Kathmandu', 'Pacific/Apia'];
  const moment = fc.integer({ min: Date.parse('2020-01-01T00:00:00Z'), max: Date.parse('2040-01-01T00:00:00Z') });

  fc.assert(
    fc.property(fc.nat(59), fc.nat(23), fc.constantFrom(...zones), moment, (minute, hour, zone, afterMs) => {
      const firesMs = next(`${minute} ${hour} * * *`, zone, afterMs);

      expect(firesMs).toBeGreaterThan(afterMs);
      expect(firesMs - afterMs).toBeLessThanOrEqual(26 * 3_600_000);
    }),
    { numRuns: 500 },
  );
});

test('names of intervals are understood', () => {
  expect(times('@daily', 'Asia/Kathmandu', '2026-01-01T00:00:00Z', 1)).toEqual(['2026-01-01T18:15Z']);
});

test.each([
  ['nothing', ''],
  ['two fields', '* *'],
  ['six fields, which other crons read as seconds', '*/10 * * * * *'],
  ['seven fields', '* * * * * * *'],
  ['words', 'every day'],
  ['a minute past 59', '61 2 * * *'],
  ['a day that no month has', '0 0 30 2 *'],
  ['a random time', 'H 2 * * *'],
  ['an unknown name', '@sometimes'],
])('a schedule of %s is refused', (_, cron) => {
  expect(() => next(cron, 'UTC', 0)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
});

test.each(['Nowhere/None', '+02:00', '', 'Europe/Berlin; DROP TABLE'])('the time zone `%s` is refused', (zone) => {
  expect(() => next('0 2 * * *', zone, 0)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
});
