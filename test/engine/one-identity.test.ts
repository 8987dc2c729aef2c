import { expect, it } from 'vitest';
import type { Capabilities } from '../../src/core/capabilities.js';
import { Secret } from '../../src/core/secret.js';
import { ableCapabilities } from '../support/plans.js';
import { aScenario } from './driven.js';
import { World } from './world.js';

const fresh = Secret.fromText('the-value-that-the-provider-made-new-0000');

// A provider that gives the key it has another value, or a definition whose pointer leads to what is the same for all keys.
it.each([
  ['can be switched off', {}],
  ['cannot be switched off', { disable: false }],
])('what has the identity of the old credential and %s is never switched off with it', (_, change) => {
  const capabilities: Capabilities = { ...ableCapabilities, fence: false, origin: 'provider', ...change };
  let isMade = false;
  let wasOff = false;
  const world = new World(
    aScenario({
      capabilities,
      ends: 'parked',
      meddle: ({ memory, old }, { port, method }) => {
        wasOff ||= isMade && !memory.target.accepts({ identity: old!.identity, value: fresh });
        if (port !== 'target' || method !== 'create') return undefined;
        isMade = true;
        memory.target.adopt({ identity: old!.identity, value: fresh });
        return { answer: { identity: old!.identity, value: fresh } };
      },
    }),
  );
  world.run();

  expect(wasOff).toBe(false);
  expect(world.memory.target.accepts(world.current()!)).toBe(true);
  expect(world.state).toMatchObject({ status: 'parked', because: { code: 'UNDO_UNSAFE' } });
  const codes = (world.memory.state.load(world.plan.rotationId)?.events ?? []).flatMap(({ event }) =>
    event.kind === 'RollbackDecided' ? [event.code] : [],
  );
  expect(codes).toEqual(['PRINCIPAL_IN_USE']);
});
