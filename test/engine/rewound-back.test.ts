import { describe, expect, it } from 'vitest';
import type { Capabilities } from '../../src/core/capabilities.js';
import { keyturnError } from '../../src/core/errors.js';
import { Secret } from '../../src/core/secret.js';
import type { EngineRequest } from '../../src/engine/request.js';
import type { VersionSelector } from '../../src/ports/step-ports.js';
import { ableCapabilities } from '../support/plans.js';
import { aScenario, command, planned } from './driven.js';
import type { Scenario } from './scenarios.js';
import { World } from './world.js';

const oneLive: Capabilities = { ...ableCapabilities, overlap: 'one-live', disable: false, endsSessions: false };
const inPlace: Partial<Scenario> = { workflow: 'in-place-rotation', capabilities: oneLive, ends: 'cancelled' };
const theirs = Secret.fromText('what-a-person-has-put-there-00000000000');

const asks = (step: string, method: string) => (request: EngineRequest) =>
  request.authority?.step === step && request.method === method;

/**
 * A rotation whose database, right before this question is answered, goes back to where it was when it was `from` there, or
 * else before the first question; then somebody says so, and cancels it.
 */
function forgetting(
  isHere: (request: EngineRequest) => boolean,
  { from = () => true, ...change }: Partial<Scenario> & { readonly from?: (world: World) => boolean } = {},
): World {
  let forget: (() => void) | undefined;
  let isForgotten = false;
  const world = new World(
    aScenario({
      ends: 'cancelled',
      ...change,
      meddle: (at, request) => {
        if (forget === undefined && from(at)) forget = at.memory.state.backUp();
        if (isForgotten || forget === undefined || !isHere(request)) return change.meddle?.(at, request);
        isForgotten = true;
        forget();
        at.memory.state.restored();
        command(at, 'cancel');
        throw keyturnError('LEASE_LOST');
      },
    }),
  );
  world.run();
  expect(isForgotten).toBe(true);
  return world;
}

/** A rotation of which nothing was done, as far as anybody knows, when its database was restored and it was cancelled. */
function unbegun(change: Partial<Scenario>): World {
  const world = new World(
    aScenario({
      ends: 'cancelled',
      ...change,
      prepare: (at) => {
        change.prepare?.(at);
        at.memory.state.restored();
        command(at, 'cancel');
      },
    }),
  );
  world.run();
  return world;
}

describe('a promotion that the database has forgotten', () => {
  it('is taken back though a stale read does not show it', () => {
    let isStale = true;
    let isAsked = false;
    const world = forgetting(asks('drain', 'challenge'), {
      meanwhile: () => {
        if (isAsked) isStale = false;
      },
      meddle: ({ memory, plan, state }, { port, method, args, authority }) => {
        if (!isStale || state.status !== 'rolling_back' || port !== 'store' || method !== 'read') return;
        if (authority?.step === 'promote') isAsked = true;
        const label = args[0] as VersionSelector;
        const was = { current: 1, pending: 2, previous: null };
        const version = typeof label === 'number' ? label : was[label];
        return { answer: version === null ? null : memory.store.read(plan.secret, version) };
      },
    });

    expect(isStale).toBe(false);
    expect(world.oracle.violations).toEqual([]);
    expect(world.current()?.identity).toBe('billing_a');
    expect(world.memory.target.live()).toEqual(['billing_a']);
  });
});

describe('a target that cannot list', () => {
  /** The worker that proposed stops right after; what the next one does is forgotten. */
  const proposed = (at: World) => at.state.steps['propose']?.phase === 'done';
  const unlisted: Parameters<typeof forgetting>[1] = {
    capabilities: { ...ableCapabilities, list: false },
    from: proposed,
    meddle: (at, { method }) =>
      method === 'stopping' && at.state.intent?.step === 'propose' ? { answer: true } : undefined,
  };

  it.each([
    ['was made', 'stage', 'putPending', 1],
    ['was not made', 'create', 'open', 0],
  ])('loses nothing of what it was asked for where what is forgotten %s', (_, step, method, made) => {
    const world = forgetting(asks(step, method), unlisted);

    expect(world.memory.target.madeFor(world.plan.rotationId)).toBe(made);
    expect(world.state.status).toBe('cancelled');
    expect(world.memory.target.live()).toEqual(['billing_a']);
  });
});

it('an old credential that was switched off in what the database has forgotten is switched on, and the label goes back', () => {
  const world = forgetting(asks('destroy', 'destroy'));

  expect(world.state.status).toBe('cancelled');
  expect(world.current()?.identity).toBe('billing_a');
  expect(world.memory.target.live()).toEqual(['billing_a']);
});

describe('an old credential that a person has switched off', () => {
  const switchedOff: Partial<Scenario> = {
    prepare: ({ memory, old }) => memory.target.changeByHand(old!.identity, { login: false }),
  };

  it('stays off when a repair is turned back that the database has forgotten', () => {
    const world = forgetting(asks('stage', 'putPending'), { ...planned({ repair: true }), ...switchedOff });

    expect(world.state.status).toBe('cancelled');
    expect(world.memory.target.live()).toEqual([]);
    expect(world.memory.target.switchedOff()).toEqual(['billing_a']);
  });

  it('stays off when a rotation is turned back that has done nothing', () => {
    const world = unbegun(switchedOff);

    expect(world.state.status).toBe('cancelled');
    expect(world.memory.target.live()).toEqual([]);
  });
});

describe('a rotation in place that is turned back in a newer era', () => {
  it('writes over nothing where it has not swapped', () => {
    const world = unbegun({
      ...inPlace,
      prepare: ({ memory, old }) => memory.target.changeByHand(old!.identity, { value: theirs }),
    });

    expect(world.state.status).toBe('cancelled');
    expect(world.memory.target.accepts({ identity: world.old!.identity, value: theirs })).toBe(true);
  });

  it('waits for a person where the old value is refused and nobody can say whether it was swapped', () => {
    const world = forgetting(asks('swap', 'moveCurrent'), {
      ...inPlace,
      capabilities: { ...oneLive, list: false },
      ends: 'parked',
    });

    expect(world.state).toMatchObject({
      status: 'parked',
      because: {
        code: 'UNDO_UNSAFE',
        facts: {
          step: 'swap',
          finding: 'version 1 is refused, and nobody can say whether this rotation replaced it',
        },
      },
    });
  });
});
