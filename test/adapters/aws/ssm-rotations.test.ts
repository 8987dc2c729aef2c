import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { aRotation, pausedWith } from './rotation-over-ssm.js';
import { settleMs } from './ssm-fixture.js';
import { labelsOf, versionsOf } from './ssm-words.js';

beforeEach(() => void vi.useFakeTimers({ toFake: ['Date'] }));
afterEach(() => void vi.useRealTimers());

test('a rotation puts once, moves its labels and ends', async () => {
  const { worker, toEnd, proxy, outside, scope, memory } = await aRotation();

  expect(await toEnd(worker('one'))).toBe('completed');

  expect(proxy.count('PutParameter')).toBe(1);
  expect(await versionsOf(outside, scope)).toHaveLength(2);
  expect(await labelsOf(outside, scope)).toEqual({ current: 2, previous: 1 });
  expect(memory.target.live()).toEqual(['billing_b']);
});

test.each(['lose-answer', 'reset'] as const)(
  'a connection that is killed (%s) as a put is sent leaves one new version when the rotation has ended',
  async (kind) => {
    const { worker, toEnd, proxy, outside, scope } = await aRotation();
    proxy.plant({ kind }, { operation: 'PutParameter' });

    expect(await toEnd(worker('one'))).toBe('completed');

    expect(await versionsOf(outside, scope)).toHaveLength(2);
    expect(await labelsOf(outside, scope)).toEqual({ current: 2, previous: 1 });
  },
);

describe('the request of a paused executor that lands after the roll-back', () => {
  test('finds the rotation open, which ends only when nothing can land any more', async () => {
    const { next, paused, pass, release, landed, intendedMs, status, memory, outside, scope, old } = await pausedWith(
      'LabelParameterVersion',
      ({ input }) => String(input['Labels']) === 'current',
    );
    const ends: [string, number][] = [];
    const bound = intendedMs('promote') + settleMs;
    const look = async (): Promise<string> => {
      const now = status(await next());
      ends.push([now, memory.clock.nowMs()]);
      return now;
    };
    // It is undone, and not over. Four minutes later the request lands: consumers read the new credential.
    for (let minutes = 0; minutes < 4; minutes += 1) {
      expect(await look()).toBe('rolling_back');
      pass(60_000);
    }
    expect(await labelsOf(outside, scope)).toMatchObject({ current: 1 });
    release();
    await landed;
    await paused;
    expect(await labelsOf(outside, scope)).toMatchObject({ current: 2 });
    // Nothing that `current` may name was destroyed meanwhile.
    expect([...memory.target.live()].sort()).toEqual(['billing_a', 'billing_b']);

    let now = await look();
    for (let rings = 0; rings < 40 && now === 'rolling_back'; rings += 1) {
      pass(10_000);
      now = await look();
    }

    expect(now).toBe('cancelled');
    const ended = ends.filter(([each]) => each !== 'rolling_back').map(([, atMs]) => atMs);
    expect(Math.min(...ended)).toBeGreaterThanOrEqual(bound);
    expect(await labelsOf(outside, scope)).toMatchObject({ current: 1 });
    expect(memory.target.live()).toEqual(['billing_a']);
    expect(memory.target.accepts(old)).toBe(true);
  });

  test('and is older than the bound is refused by the store', async () => {
    const { next, paused, pass, release, landed, outside, scope, toEnd } = await pausedWith(
      'LabelParameterVersion',
      ({ input }) => String(input['Labels']) === 'current',
    );
    expect(await toEnd(next)).toBe('cancelled');

    pass(1_000);
    release();
    await landed;
    await paused;

    expect(await labelsOf(outside, scope)).toEqual({ current: 1 });
  });

  test('of a put leaves a version that nobody points at', async () => {
    const { next, paused, release, landed, pass, outside, scope, toEnd, memory, intendedMs } = await pausedWith(
      'PutParameter',
      () => true,
    );
    await next();
    pass(60_000);
    release();
    await landed;
    await paused;

    expect(await toEnd(next)).toBe('cancelled');

    expect(memory.clock.nowMs()).toBeGreaterThanOrEqual(intendedMs('stage') + settleMs);
    expect(await versionsOf(outside, scope)).toHaveLength(2);
    expect(await labelsOf(outside, scope)).toEqual({ current: 1 });
    expect(memory.target.live()).toEqual(['billing_a']);
  });
});
