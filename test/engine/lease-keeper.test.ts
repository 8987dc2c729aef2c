import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LeaseKeeper } from '../../src/engine/lease-keeper.js';
import type { BoundEnginePorts } from '../../src/ports/engine-ports.js';
import type { Lease } from '../../src/ports/journal.js';

const leaseMs = 5_000;
const renewMs = 1_500;
const granted: Lease = { kind: 'granted', secret: 'test:/billing/db', fence: { era: 1, epoch: 4, known: true } };

/** Leases in memory of which a test says how renewing is answered. */
function leasesOf(answer: () => boolean | Promise<boolean>) {
  const asked: object[] = [];
  const leases: BoundEnginePorts['leases'] = {
    acquire: () => granted,
    renew: (lease) => {
      asked.push(lease);
      return answer();
    },
    release: () => undefined,
    newest: () => ({ era: 1, epoch: 4 }),
    report: () => undefined,
  };
  return { asked, keeper: new LeaseKeeper(leases, leaseMs) };
}

const unreachable = (): Promise<boolean> => Promise.reject(new Error('no route'));

beforeEach(() => vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] }));
afterEach(() => vi.useRealTimers());

describe('a lease that is kept', () => {
  it('is renewed well before it ends, for as long as work runs', async () => {
    const { asked, keeper } = leasesOf(() => true);
    keeper.keep(granted, performance.now());
    await vi.advanceTimersByTimeAsync(renewMs * 10);
    expect(asked).toHaveLength(10);
    expect(asked[0]).toEqual({ secret: 'test:/billing/db', epoch: 4, ttlMs: leaseMs });
    expect(keeper.signal.aborted).toBe(false);
    keeper.stop();
  });

  it('is asked for no more once the work has stopped, as often as it is stopped', async () => {
    const { asked, keeper } = leasesOf(() => true);
    keeper.keep(granted, performance.now());
    keeper.stop();
    keeper.stop();
    await vi.advanceTimersByTimeAsync(renewMs * 3);
    expect(asked).toEqual([]);
    expect(keeper.signal.aborted).toBe(false);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is not asked for twice at once', async () => {
    const { asked, keeper } = leasesOf(() => new Promise(() => undefined));
    keeper.keep(granted, performance.now());
    await vi.advanceTimersByTimeAsync(renewMs * 3);
    expect(asked).toHaveLength(1);
    keeper.stop();
  });
});

describe('a lease is lost', () => {
  it('as soon as the database says so', async () => {
    const { keeper } = leasesOf(() => false);
    keeper.keep(granted, performance.now());
    await vi.advanceTimersByTimeAsync(renewMs);
    expect(keeper.signal.aborted).toBe(true);
    expect(vi.getTimerCount()).toBe(0);
  });

  it.each([
    ['cannot be reached', unreachable],
    ['never answers', () => new Promise<boolean>(() => undefined)],
  ])('once the database %s for a whole lease, and not before', async (_, answer) => {
    const { keeper } = leasesOf(answer);
    keeper.keep(granted, performance.now());
    await vi.advanceTimersByTimeAsync(leaseMs - 1);
    expect(keeper.signal.aborted).toBe(false);
    await vi.advanceTimersByTimeAsync(renewMs);
    expect(keeper.signal.aborted).toBe(true);
  });

  it('counted from when the last renewal that succeeded was asked for', async () => {
    let down = false;
    const { keeper } = leasesOf(() => (down ? unreachable() : true));
    keeper.keep(granted, performance.now());
    await vi.advanceTimersByTimeAsync(renewMs * 4);
    down = true;
    await vi.advanceTimersByTimeAsync(leaseMs - 1);
    expect(keeper.signal.aborted).toBe(false);
    await vi.advanceTimersByTimeAsync(renewMs);
    expect(keeper.signal.aborted).toBe(true);
  });

  it('counted from when it was asked for, where no renewal succeeds', () => {
    const { keeper } = leasesOf(unreachable);
    keeper.keep(granted, performance.now() - leaseMs + 1);
    expect(keeper.signal.aborted).toBe(false);
    vi.advanceTimersByTime(1);
    expect(keeper.signal.aborted).toBe(true);
  });

  it('as soon as anybody looks where the process stood still, before any timer runs', () => {
    const { keeper } = leasesOf(() => true);
    keeper.keep(granted, performance.now());
    const stoodStill = vi.spyOn(performance, 'now').mockReturnValue(performance.now() + leaseMs);
    try {
      expect(keeper.signal.aborted).toBe(true);
    } finally {
      stoodStill.mockRestore();
    }
  });

  it('not by one answer that went missing', async () => {
    let tries = 0;
    const { keeper } = leasesOf(() => ((tries += 1) % 2 === 1 ? unreachable() : true));
    keeper.keep(granted, performance.now());
    await vi.advanceTimersByTimeAsync(renewMs * 20);
    expect(keeper.signal.aborted).toBe(false);
    keeper.stop();
  });
});

it('what was not granted is not kept', async () => {
  const { asked, keeper } = leasesOf(() => true);
  keeper.keep({ kind: 'busy', againInMs: 5 }, performance.now());
  await vi.advanceTimersByTimeAsync(renewMs * 3);
  expect(asked).toEqual([]);
});
