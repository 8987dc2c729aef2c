import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { memoryPorts } from '../../src/adapters/memory/ports.js';
import { isKeyturnError } from '../../src/core/errors.js';
import { perform } from '../../src/engine/perform.js';
import { type Authority, type EngineRequest, type Work, request } from '../../src/engine/request.js';
import type { BoundEnginePorts } from '../../src/ports/engine-ports.js';
import type { Scope } from '../../src/ports/step-ports.js';
import { aPlan, ableCapabilities } from '../support/plans.js';

const options = { callDeadlineMs: 1_000, leaseMs: 5_000 };
const authority: Authority = {
  plan: aPlan(),
  step: 'create',
  attempt: 1,
  fence: { era: 1, epoch: 1, known: false },
  nowMs: 0,
};
const identify: EngineRequest = { port: 'target', method: 'identify', args: [], authority };

/** Ports in memory with a target that identifies itself as the test says. */
function portsWith(
  answer: (scope: Scope) => unknown,
  leases: Partial<BoundEnginePorts['leases']> = {},
): BoundEnginePorts {
  const { state, ports } = memoryPorts({ capabilities: ableCapabilities, endpoints: ['one'] });
  state.accept(authority.plan, ['a']);
  const all: BoundEnginePorts['leases'] = {
    acquire: (wanted) => state.acquire(wanted),
    renew: (lease) => state.renew(lease),
    release: (lease) => state.release(lease),
    newest: () => state.newest(),
    report: () => undefined,
    ...leases,
  };
  return { ...ports, target: { ...ports.target, identify: answer as never }, leases: all };
}

/** Asks once and gives back what came of it: the answer, or the code that was thrown into it. */
function* asking(question: EngineRequest = identify): Work<unknown> {
  try {
    return yield question;
  } catch (thrown) {
    return isKeyturnError(thrown) ? thrown.code : thrown;
  }
}

function* leased(): Work<unknown> {
  yield* request('leases', 'acquire', { rotationId: 'r1', holder: 'worker', ttlMs: options.leaseMs });
  const first = yield* asking();
  const second = yield* asking();
  return [first, second];
}

beforeEach(() =>
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'setTimeout', 'clearTimeout', 'performance'] }),
);
afterEach(() => {
  expect(vi.getTimerCount(), 'no timer is left behind').toBe(0);
  vi.useRealTimers();
});

describe('a question', () => {
  it.each([
    ['at once', () => ({ system: 's' })],
    ['later', async () => ({ system: 's' })],
  ])('that is answered %s hands the answer back', async (_, answer) => {
    expect(await perform(asking(), portsWith(answer), options)).toEqual({ system: 's' });
  });

  it.each([
    [
      'at once',
      () => {
        throw new RangeError('no');
      },
    ],
    ['later', () => Promise.reject(new RangeError('no'))],
  ])('that is refused %s is thrown into the work', async (_, answer) => {
    expect(await perform(asking(), portsWith(answer), options)).toEqual(new RangeError('no'));
  });

  it('to a member that is not there is thrown into the work', async () => {
    const answer = await perform(
      asking({ ...identify, method: 'unheardOf' }),
      portsWith(() => null),
      options,
    );
    expect(answer).toEqual(new TypeError('port target has no unheardOf'));
  });

  it('is told for whom it is asked, and how long it may take', async () => {
    let told: Partial<Scope> = {};
    await perform(
      asking(),
      portsWith((scope) => (told = scope)),
      options,
    );
    expect(told).toMatchObject({ ...authority, deadlineMs: 1_000 });
    expect(told.signal?.aborted).toBe(false);
  });

  it('of the engine itself is asked without a scope', async () => {
    const ports = portsWith(() => null, { newest: (...args: readonly unknown[]) => ({ era: args.length, epoch: 0 }) });
    expect(await perform(request('leases', 'newest'), ports, options)).toEqual({ era: 0, epoch: 0 });
  });
});

describe('a deadline', () => {
  it('ends the wait, aborts the call, and is told with what was called', async () => {
    let signal: AbortSignal | undefined;
    const never = (scope: Scope) => {
      signal = scope.signal;
      return new Promise(() => undefined);
    };
    const work = perform(asking(), portsWith(never), options);
    await vi.advanceTimersByTimeAsync(999);
    expect(signal?.aborted).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(await work).toBe('DEADLINE_EXCEEDED');
    expect(signal?.aborted).toBe(true);
  });

  it('that passes while an answer is on its way leaves nothing unhandled', async () => {
    const late = () => new Promise((_, reject) => setTimeout(() => reject(new Error('too late')), 5_000));
    const work = perform(asking(), portsWith(late), options);
    await vi.advanceTimersByTimeAsync(1_000);
    expect(await work).toBe('DEADLINE_EXCEEDED');
    await vi.advanceTimersByTimeAsync(5_000);
  });
});

describe('a lease', () => {
  it('that is lost aborts the call in hand, and nothing is asked for the rotation any more', async () => {
    let asked = 0;
    let signal: AbortSignal | undefined;
    const never = (scope: Scope) => {
      asked += 1;
      signal = scope.signal;
      return new Promise(() => undefined);
    };
    const work = perform(leased(), portsWith(never, { renew: () => false }), { ...options, callDeadlineMs: 60_000 });
    await vi.advanceTimersByTimeAsync(1_500);
    expect(await work).toEqual(['LEASE_LOST', 'LEASE_LOST']);
    expect(signal?.aborted).toBe(true);
    expect(asked).toBe(1);
  });

  it('that lasted no longer than its grant took to arrive is lost before anything is asked', async () => {
    const asked: Scope[] = [];
    const ports = portsWith((scope) => void asked.push(scope));
    const acquire: typeof ports.leases.acquire = async (wanted) => {
      const lease = await ports.leases.acquire(wanted);
      await new Promise((resolve) => setTimeout(resolve, options.leaseMs));
      return lease;
    };
    const work = perform(leased(), { ...ports, leases: { ...ports.leases, acquire } }, options);
    await vi.advanceTimersByTimeAsync(options.leaseMs);
    expect(await work).toEqual(['LEASE_LOST', 'LEASE_LOST']);
    expect(asked).toEqual([]);
  });

  it('is renewed while a call takes its time', async () => {
    let renewed = 0;
    const slow = () => new Promise((resolve) => setTimeout(() => resolve('slow'), 20_000));
    const renew = () => (renewed += 1) > 0;
    const work = perform(leased(), portsWith(slow, { renew }), { ...options, callDeadlineMs: 60_000 });
    await vi.advanceTimersByTimeAsync(40_000);
    expect(await work).toEqual(['slow', 'slow']);
    expect(renewed).toBeGreaterThan(20);
  });

  it('is no longer renewed once it was given back', async () => {
    let renewed = 0;
    function* work(): Work<void> {
      yield* request('leases', 'acquire', { rotationId: 'r1', holder: 'worker', ttlMs: options.leaseMs });
      yield* request('leases', 'release', { secret: authority.plan.secret, epoch: 1 });
      yield* asking();
    }
    const slow = () => new Promise((resolve) => setTimeout(() => resolve('slow'), 900));
    const done = perform(work(), portsWith(slow, { renew: () => (renewed += 1) > 0 }), { ...options, leaseMs: 500 });
    await vi.advanceTimersByTimeAsync(1_000);
    await done;
    expect(renewed).toBe(0);
  });
});

it('what the work does not catch ends it', async () => {
  function* careless(): Work<unknown> {
    return yield identify;
  }
  await expect(
    perform(
      careless(),
      portsWith(() => Promise.reject(new RangeError('no'))),
      options,
    ),
  ).rejects.toThrow(RangeError);
});

it('what the work throws itself is not thrown into it again', async () => {
  let caught = 0;
  function* broken(): Work<unknown> {
    try {
      yield identify;
    } catch {
      caught += 1;
    }
    throw new TypeError('broken');
  }
  await expect(
    perform(
      broken(),
      portsWith(() => null),
      options,
    ),
  ).rejects.toThrow('broken');
  expect(caught).toBe(0);
});
