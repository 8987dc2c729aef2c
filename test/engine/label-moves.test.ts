import { expect, it } from 'vitest';
import type { VersionSelector } from '../../src/ports/step-ports.js';
import { aScenario } from './driven.js';
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
