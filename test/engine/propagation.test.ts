import { expect, it } from 'vitest';
import { ableCapabilities, promptPolicy } from '../support/plans.js';
import { aScenario, told } from './driven.js';
import { World } from './world.js';

const policy = { ...promptPolicy, retry: { firstMs: 1_000, maxMs: 4_000, attemptsPerCycle: 5, cycles: 2 } };

/** A target that goes on accepting what it has destroyed for as long as is said here. */
function slow({ propagationMs, takesMs }: { readonly propagationMs: number; readonly takesMs: number }): World {
  let destroyedMs = Number.POSITIVE_INFINITY;
  return new World(
    aScenario({
      capabilities: { ...ableCapabilities, propagationMs },
      plan: { ...aScenario().plan, policy },
      ends: takesMs < propagationMs ? 'completed' : 'parked',
      meddle: (at, { port, method, authority }) => {
        if (port !== 'target' || authority?.step !== 'destroy') return undefined;
        const nowMs = at.memory.clock.nowMs();
        if (method === 'destroy') destroyedMs = Math.min(destroyedMs, nowMs);
        if (method !== 'probe' || nowMs >= destroyedMs + takesMs) return undefined;
        return { answer: [{ endpoint: 'one', answer: 'accepted' }] };
      },
    }),
  );
}

it('a target that destroys slowly is asked again until it refuses', () => {
  const world = slow({ propagationMs: 15_000, takesMs: 12_000 });
  world.run();

  expect(world.state.status).toBe('completed');
  expect(told(world)).not.toContain('Parked OLD_STILL_ALIVE');
  expect(world.memory.target.accepts(world.old!)).toBe(false);
});

it('after as long as the target says, what it still accepts is alive', () => {
  const world = slow({ propagationMs: 15_000, takesMs: Number.POSITIVE_INFINITY });
  world.run();

  expect(world.state).toMatchObject({ status: 'parked', because: { code: 'OLD_STILL_ALIVE' } });
  const failed = (world.memory.state.load(world.plan.rotationId)?.events ?? []).filter(
    ({ event }) => event.kind === 'StepFailed',
  );
  const [first, last] = [failed[0], failed.at(-1)];
  expect(first?.event).toMatchObject({ code: 'STILL_ACCEPTED', certain: true });
  expect(last?.event).toMatchObject({ code: 'OLD_STILL_ALIVE' });
  expect(last!.atMs - first!.atMs).toBeGreaterThanOrEqual(15_000);
});

it('a target that says that it destroys at once is not waited for', () => {
  const world = slow({ propagationMs: 0, takesMs: 1 });
  world.run();

  expect(world.state).toMatchObject({ status: 'parked', because: { code: 'OLD_STILL_ALIVE' } });
});
