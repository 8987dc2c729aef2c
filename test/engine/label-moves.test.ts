import { describe, expect, it } from 'vitest';
import type { VersionSelector } from '../../src/ports/step-ports.js';
import { ableCapabilities } from '../support/plans.js';
import { aScenario, command } from './driven.js';
import { World } from './world.js';

/** A rotation in whose promote one read of a version, or of `current`, shows another value than there is. */
function promotingOnto(isSought: (selector: VersionSelector) => boolean): World {
  let isForeign = true;
  const world = new World(
    aScenario({
      meddle: (within, { port, method, args, authority }) => {
        const [selector] = args as readonly [VersionSelector];
        if (port !== 'store' || method !== 'read' || authority?.step !== 'promote' || !isSought(selector)) return;
        const found = within.memory.store.read(within.plan.secret, selector);
        if (!isForeign || found === null) return;
        isForeign = false;
        return { answer: { ...found, digest: 'of-another-value' } };
      },
    }),
  );
  world.run();
  expect(isForeign).toBe(false);
  return world;
}

const parkings = ({ memory, plan }: World): readonly string[] =>
  (memory.state.load(plan.rotationId)?.events ?? []).flatMap(({ event }) =>
    event.kind === 'Parked' ? [event.code] : [],
  );

it('a version that somebody has put anew under its number is not promoted', () => {
  const world = promotingOnto((selector) => selector !== 'current');
  expect(parkings(world)).toEqual(['FOREIGN_VERSION']);
});

it('promote is not done while `current` reads as something else', () => {
  const world = promotingOnto((selector) => selector === 'current');
  expect(parkings(world)).toEqual(['ALIAS_MOVED']);
});

describe('a label that a person moves onto a credential while the last questions before its end are answered', () => {
  it('finds the old one alive: it is not destroyed, and the rotation waits until the label is back', () => {
    let moved = false;
    const world = new World(
      aScenario({
        capabilities: { ...ableCapabilities, disable: false },
        ends: 'parked',
        meddle: (at, { authority, method }) => {
          if (moved || authority?.step !== 'watch' || method !== 'usage') return undefined;
          moved = true;
          at.memory.store.moveByHand(at.plan.secret, 1);
          return undefined;
        },
      }),
    );
    world.run();

    expect(parkings(world)).toEqual(['ALIAS_MOVED']);
    expect(world.memory.target.accepts(world.current()!)).toBe(true);

    world.memory.store.moveByHand(world.plan.secret, 2);
    command(world, 'resume');
    world.run();
    expect(world.state.status).toBe('completed');
    expect(world.memory.target.live()).toEqual(['billing_b']);
  });

  it.each([
    ['', ableCapabilities],
    [' where nothing can be switched off', { ...ableCapabilities, disable: false }],
  ])('finds the new one alive on the way back%s', (_, capabilities) => {
    const world = new World(
      aScenario({
        capabilities,
        answer: (__, phase) => ({ answer: phase === 'canary' ? 'refused' : 'proved', reason: 'a test' }),
        ends: 'parked',
        meddle: (at, { authority, method }) => {
          if (authority?.step === 'create' && method === 'usage') at.memory.store.moveByHand(at.plan.secret, 2);
          return undefined;
        },
      }),
    );
    world.run();

    expect(parkings(world)).toEqual(['UNDO_UNSAFE']);
    expect(world.current()?.identity).toBe('billing_b');
    expect(world.memory.target.accepts(world.current()!)).toBe(true);
  });
});
