import { describe, expect, it } from 'vitest';
import { Secret } from '../../src/core/secret.js';
import { aScenario } from './driven.js';
import { World } from './world.js';

const another = Secret.fromText('another-value-that-was-never-lost-000000');

describe('a rotation whose database has forgotten how far it was', () => {
  it('does not make anew what current names', () => {
    let forget: (() => void) | undefined;
    let forgotten = false;
    const world = new World(
      aScenario({
        ends: 'completed',
        meddle: (at, { method }) => {
          if (method !== 'propose') return undefined;
          forget ??= at.memory.state.backUp();
          return forgotten ? { answer: { identity: 'billing_b', value: another } } : undefined;
        },
      }),
    );
    world.run();
    forget?.();
    forgotten = true;
    world.memory.state.restored();
    world.run();

    expect(world.state).toMatchObject({ status: 'parked', because: { code: 'UNDO_UNSAFE' } });
    expect(world.memory.target.accepts(world.current()!)).toBe(true);
  });
});
