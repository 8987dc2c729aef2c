import { expect, it } from 'vitest';
import { aScenario } from './driven.js';
import { World } from './world.js';

it('a label that a stale read shows as back already is moved back all the same', () => {
  let isStale = true;
  const world = new World(
    aScenario({
      ends: 'rolled_back',
      answer: (_, phase) =>
        phase === 'drain' ? { answer: 'refused', reason: 'it does not work' } : { answer: 'proved', reason: '' },
      meddle: (within, { port, method, args, authority }) => {
        if (port !== 'store' || method !== 'read' || args[0] !== 'current' || authority?.step !== 'promote') return;
        if (within.state.status !== 'rolling_back' || !isStale) return;
        isStale = false;
        return { answer: within.memory.store.read(within.plan.secret, 1) };
      },
    }),
  );
  world.run();
  expect(isStale).toBe(false);
  expect(world.oracle.violations).toEqual([]);
  expect(world.state.status).toBe('rolled_back');
});
