import { describe, expect, it } from 'vitest';
import type { Capabilities } from '../../src/core/capabilities.js';
import { isOpen } from '../../src/core/rotation.js';
import { ableCapabilities } from '../support/plans.js';
import { aScenario, command } from './driven.js';
import type { Scenario } from './scenarios.js';
import { World } from './world.js';

const unfenced: Capabilities = { ...ableCapabilities, fence: false, settleMs: 8_000 };
const oneLive: Capabilities = { ...ableCapabilities, overlap: 'one-live', disable: false, endsSessions: false };

const kinds: Readonly<Record<string, Partial<Scenario>>> = {
  'a target with a fence': {},
  'a target without one': { capabilities: unfenced },
  'a provider': { capabilities: { ...unfenced, origin: 'provider' } },
  'a target that cannot list': { capabilities: { ...unfenced, list: false } },
  'a first credential': { startsWithout: true },
  'a rotation in place': { workflow: 'in-place-rotation', capabilities: oneLive },
  'a first credential in place': { workflow: 'in-place-rotation', capabilities: oneLive, startsWithout: true },
};

/** What is lost: from this question of the rotation to that one; and whether the store is lost with it. */
interface Lost {
  readonly from: number;
  readonly to: number;
  readonly store: boolean;
}

/** A rotation whose database goes back to an earlier copy; then somebody says so, and cancels. */
function rewound(
  kind: Partial<Scenario>,
  { from, to, store }: Lost,
): { readonly world: World; readonly isBroken: boolean } {
  const restore: (() => void)[] = [];
  let asked = 0;
  let isBroken: boolean | undefined;
  const world = new World(
    aScenario({
      ...kind,
      ends: 'cancelled',
      meddle: ({ memory }, { port }) => {
        if (port !== 'process' && (asked += 1) === from) {
          restore.push(memory.state.backUp());
          if (store) restore.push(memory.store.backUp());
        }
        return undefined;
      },
      meanwhile: (at) => {
        if (asked < to - 1 || isBroken !== undefined) return;
        for (const each of restore) each();
        at.memory.state.restored();
        const current = at.current();
        isBroken = current === null ? at.old !== null : !at.memory.target.accepts(current);
        if (isOpen(at.state.status) && at.state.decision === null) command(at, 'cancel');
      },
    }),
  );
  world.run({ point: to, how: 'crash before' });
  return { world, isBroken: isBroken ?? false };
}

/** Says what is wrong once it is at rest; undefined: nothing. */
function harm({ world, isBroken }: ReturnType<typeof rewound>): string | undefined {
  const { status, because } = world.state;
  const current = world.current();
  const { target } = world.memory;
  if (!isBroken && current !== null && !target.accepts(current)) return `current is refused, ${status}`;
  if (!isBroken && current === null && world.old !== null) return `current is gone, ${status}`;
  if (status === 'running' || status === 'rolling_back') return `it is ${status}`;
  if (status === 'parked') {
    return isBroken || because?.code === 'UNDO_UNSAFE' ? undefined : `it is parked for ${because?.code ?? 'nothing'}`;
  }
  const spare = target.live().filter((each) => each !== current?.identity);
  return spare.length === 0 ? undefined : `it is ${status} and left ${spare.join(', ')}`;
}

describe('a cancelled rotation whose database has forgotten how far it was', () => {
  for (const [name, kind] of Object.entries(kinds)) {
    for (const store of [false, true]) {
      it(`leaves nothing behind at ${name}, ${store ? 'with' : 'without'} its store`, () => {
        const points = new World(aScenario({ ...kind, ends: 'completed' })).run();
        const found: string[] = [];
        let closed = 0;
        // What it proposed is all there is to find it by where the target cannot list: it must be known.
        const least = kind.capabilities?.list === false ? 17 : 2;
        for (let from = least; from < points; from += 5) {
          for (let to = from + 1; to < points; to += 3) {
            const run = rewound(kind, { from, to, store });
            const what = harm(run);
            if (what !== undefined) found.push(`${from} to ${to}: ${what}`);
            if (!isOpen(run.world.state.status)) closed += 1;
          }
        }
        expect(found).toEqual([]);
        expect(closed).toBeGreaterThan(0);
      });
    }
  }
});
