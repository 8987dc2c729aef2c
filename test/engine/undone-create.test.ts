import { expect, it } from 'vitest';
import { keyturnError } from '../../src/core/errors.js';
import { aScenario, bothLive } from './driven.js';
import { World } from './world.js';

it('a label moved onto the new credential while it is switched off finds it on, whoever comes to it', () => {
  const newVersion = 2;
  let refusals = 0;
  const world = new World(
    aScenario({
      ends: 'parked',
      answer: (_, phase) => ({ answer: phase === 'canary' ? 'refused' : 'proved', reason: 'a test' }),
      meddle: (at, { authority, method }) => {
        if (authority?.step !== 'create') return undefined;
        if (method === 'disable') at.memory.store.moveByHand(at.plan.secret, newVersion);
        if (method !== 'enable' || (refusals += 1) > 1) return undefined;
        throw keyturnError('TARGET_UNREACHABLE', { target: 'billing', endpoint: 'one' });
      },
    }),
  );
  world.run();

  expect(world.state).toMatchObject({ status: 'parked', because: { code: 'UNDO_UNSAFE' } });
  expect(world.current()?.identity).toBe('billing_b');
  expect(world.memory.target.accepts(world.current()!)).toBe(true);
  expect(bothLive(world)).toBe(true);
});
