import { expect, it } from 'vitest';
import { ableCapabilities } from '../support/plans.js';
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

it('the only credential is not destroyed while the label is on it, whatever a stale read shows', () => {
  let isStale = true;
  const world = new World(
    aScenario({
      workflow: 'in-place-rotation',
      capabilities: { ...ableCapabilities, overlap: 'one-live', disable: false, endsSessions: false },
      startsWithout: true,
      ends: 'rolled_back',
      answer: (_, phase) =>
        phase === 'drain' ? { answer: 'refused', reason: 'it does not work' } : { answer: 'proved', reason: '' },
      meddle: (within, { port, method, args, authority }) => {
        if (port !== 'store' || method !== 'read' || args[0] !== 'current' || authority?.step !== 'swap') return;
        if (within.state.status !== 'rolling_back' || !isStale) return;
        isStale = false;
        return { answer: null };
      },
    }),
  );
  world.run();
  expect(isStale).toBe(false);
  expect(world.current()).toBeNull();
  expect(world.oracle.violations).toEqual([]);
});

it('a secret that a stale read shows without a credential keeps the one it has', () => {
  let isStale = true;
  const world = new World(
    aScenario({
      workflow: 'in-place-rotation',
      capabilities: { ...ableCapabilities, overlap: 'one-live', disable: false, endsSessions: false },
      meddle: (_, { port, method, args, authority }) => {
        if (port !== 'store' || method !== 'read' || args[0] !== 'current' || authority?.step !== 'preflight') return;
        if (!isStale) return;
        isStale = false;
        return { answer: null };
      },
    }),
  );
  world.run();
  expect(isStale).toBe(false);
  expect(world.state.status).toBe('completed');
  expect(world.state.steps['preflight']?.output).toMatchObject({ old: { version: 1 } });
  expect(world.oracle.violations).toEqual([]);
});
