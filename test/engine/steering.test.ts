import { describe, expect, it } from 'vitest';
import { renderCredential } from '../../src/core/credential.js';
import { isKeyturnError } from '../../src/core/errors.js';
import { Secret } from '../../src/core/secret.js';
import type { EngineRequest } from '../../src/engine/request.js';
import { aScenario, bothLive, command, planned, told } from './driven.js';
import type { Scenario } from './scenarios.js';
import { World } from './world.js';

const is = (request: EngineRequest, step: string, method: string): boolean =>
  request.authority?.step === step && request.method === method;

/** Lets something happen right before the first question of this kind is answered. */
function once(step: string, method: string, happens: (world: World) => void): Pick<Scenario, 'meddle'> {
  let happened = false;
  return {
    meddle: (world, request) => {
      if (happened || !is(request, step, method)) return undefined;
      happened = true;
      happens(world);
      return undefined;
    },
  };
}

function ran(scenario: Partial<Scenario>): World {
  const world = new World(aScenario(scenario));
  world.run();
  return world;
}

/** Violations but those of the ends and instants that the test itself brings about. */
const unsound = (world: World, ...expected: readonly string[]) =>
  world.oracle.violations.filter(({ invariant }) => !['L1', ...expected].includes(invariant));

const moveTo = (version: number) => (world: World) => world.memory.store.moveByHand(world.plan.secret, version);
const oldVersion = 1;
const newVersion = 2;

describe('cancelling', () => {
  it('turns back wherever it was accepted, and is refused once destroying is decided', () => {
    const outcomes = { cancelled: 0, refused: 0 };
    for (let point = 1, asked = point; asked >= point; point += 1) {
      asked = 0;
      let answer = 'not asked';
      const world = new World(
        aScenario({
          ends: 'cancelled',
          meddle: (each) => {
            asked += 1;
            if (asked !== point) return undefined;
            try {
              command(each, 'cancel');
              answer = 'accepted';
            } catch (thrown) {
              answer = isKeyturnError(thrown) ? thrown.code : 'unknown';
            }
            return undefined;
          },
        }),
      );
      world.run();
      expect(unsound(world)).toEqual([]);
      if (answer === 'accepted') {
        expect(world.state.status, `cancelled at question ${point}`).toBe('cancelled');
        expect(world.memory.target.accepts(world.old!)).toBe(true);
        outcomes.cancelled += 1;
      } else if (answer !== 'not asked') {
        expect(answer).toMatch(/^(DECIDED_DESTROY|ROTATION_ENDED)$/);
        expect(world.state.status).toBe('completed');
        outcomes.refused += 1;
      }
    }
    expect(outcomes.cancelled).toBeGreaterThan(30);
    expect(outcomes.refused).toBeGreaterThan(0);
  });

  it('of what turns back already is refused with the reason', () => {
    const refusing: Partial<Scenario> = {
      answer: (_, phase) => ({ answer: phase === 'drain' ? 'refused' : 'proved', reason: '' }),
      ends: 'rolled_back',
    };
    let refused: unknown;
    ran({
      ...refusing,
      meddle: (world) => {
        if (world.state.status !== 'rolling_back' || refused !== undefined) return undefined;
        try {
          command(world, 'cancel');
        } catch (thrown) {
          refused = thrown;
        }
        return undefined;
      },
    });
    expect(refused).toMatchObject({ code: 'DECIDED_ROLLBACK' });
  });
});

describe('a hold', () => {
  it.each(['preflight', 'drain', 'watch'] as const)('stops %s, and its release lets it go on', (gate) => {
    let looks = 0;
    const world = new World(
      aScenario({
        ...once(gate, 'identify', ({ memory, plan }) => memory.state.hold(plan.secret, true)),
        meanwhile: ({ state, memory, plan, old }) => {
          if (state.steps[gate]?.last !== 'held') return;
          looks += 1;
          expect(memory.target.accepts(old!)).toBe(gate !== 'watch');
          if (looks === 3) memory.state.hold(plan.secret, false);
        },
      }),
    );
    // The hold is put after the moment of the first look was read, so the look itself is stale.
    world.memory.state.hold(world.plan.secret, gate === 'preflight');
    world.run();
    expect(looks).toBe(3);
    expect(world.state.status).toBe('completed');
    expect(world.oracle.violations).toEqual([]);
  });

  it('between the guard and the effect switches the old credential on again and parks', () => {
    const world = ran({
      ...once('disable', 'disable', ({ memory, plan }) => memory.state.hold(plan.secret, true)),
      ends: 'parked',
    });
    expect(world.state).toMatchObject({ status: 'parked', because: { code: 'HELD' } });
    expect(bothLive(world)).toBe(true);

    world.memory.state.hold(world.plan.secret, false);
    command(world, 'resume');
    world.run();
    expect(world.state.status).toBe('completed');
    expect(unsound(world)).toEqual([]);
  });

  it('before the intent of disable is committed stops it: what the guard read has changed', () => {
    let released = false;
    const world = new World(
      aScenario({
        meddle: (each, request) => {
          const intent =
            request.port === 'journal' &&
            request.method === 'append' &&
            JSON.stringify(request.args).includes('"StepIntended","step":"disable"');
          if (intent && !released && !each.state.steps['disable']?.touched)
            each.memory.state.hold(each.plan.secret, true);
          return undefined;
        },
        meanwhile: ({ state, memory, plan, old }) => {
          if (state.steps['drain']?.last !== 'held') return;
          expect(memory.target.accepts(old!)).toBe(true);
          released = true;
          memory.state.hold(plan.secret, false);
        },
      }),
    );
    world.run();
    expect(released).toBe(true);
    expect(told(world)).toContain('GateWaiting drain');
    expect(world.oracle.violations).toEqual([]);
  });
});

describe('a label that a person moves', () => {
  const byHand = (world: World) =>
    world.memory.store.putInitial(world.plan.secret, renderCredential(world.old!, world.plan.fields));

  it('before promote parks, and goes on once it is back', () => {
    const world = ran({ ...once('promote', 'moveCurrent', byHand), ends: 'parked' });
    expect(world.state).toMatchObject({ status: 'parked', because: { code: 'ALIAS_MOVED' } });
    expect(bothLive(world)).toBe(true);
    expect(world.memory.store.read(world.plan.secret, 'current')?.version).toBe(3);

    moveTo(oldVersion)(world);
    command(world, 'resume');
    world.run();
    expect(world.state.status).toBe('completed');
    expect(unsound(world)).toEqual([]);
  });

  it('before promote is left where it is when the rotation turns back', () => {
    const world = ran({ ...once('promote', 'moveCurrent', byHand), ends: 'parked' });
    command(world, 'rollback');
    world.run();
    expect(world.state.status).toBe('rolled_back');
    expect(world.memory.target.live()).toEqual([world.old!.identity]);
    expect(world.memory.store.read(world.plan.secret, 'current')?.version).toBe(3);
    expect(unsound(world)).toEqual([]);
  });

  it('before promote onto what is refused waits for a person when the rotation turns back', () => {
    const dead = { identity: 'billing_x', value: Secret.fromText('nobody-lets-this-one-in-000000000') };
    const onto = (world: World) =>
      world.memory.store.putInitial(world.plan.secret, renderCredential(dead, world.plan.fields));
    const world = ran({ ...once('promote', 'moveCurrent', onto), ends: 'parked' });
    command(world, 'rollback');
    world.run();
    expect(world.state).toMatchObject({ status: 'parked', because: { code: 'UNDO_UNSAFE' } });
    expect(bothLive(world)).toBe(true);
    expect(world.memory.store.read(world.plan.secret, 'current')?.version).toBe(3);
  });

  describe('onto another that works', () => {
    const third = { identity: 'billing_x', value: Secret.fromText('a-third-one-that-works-0000000000') };
    const onto = ({ memory, plan }: World) => {
      memory.target.adopt(third);
      memory.store.putInitial(plan.secret, renderCredential(third, plan.fields));
    };

    it('waits for a person while what it was on before works too, and ends once the label is back', () => {
      const world = ran({ ...once('drain', 'read', onto), ends: 'parked' });
      command(world, 'rollback');
      world.run();
      expect(world.state).toMatchObject({ status: 'parked', because: { code: 'UNDO_UNSAFE' } });
      expect(world.memory.target.live()).toHaveLength(3);

      moveTo(oldVersion)(world);
      command(world, 'resume');
      world.run();
      expect(world.state.status).toBe('rolled_back');
      expect(world.memory.target.live()).toEqual(expect.arrayContaining([world.old!.identity, third.identity]));
      expect(world.memory.target.live()).toHaveLength(2);
    });

    it('stays there where what it was on before is dead', () => {
      const world = ran({ ...once('drain', 'read', onto), ends: 'parked' });
      world.memory.target.changeByHand(world.old!.identity, null);
      command(world, 'rollback');
      world.run();
      expect(world.state.status).toBe('rolled_back');
      expect(world.memory.target.live()).toEqual([third.identity]);
      expect(world.memory.target.accepts(world.current()!)).toBe(true);
    });
  });

  it('after promote parks, and goes on once it is back', () => {
    const world = ran({ ...once('drain', 'read', moveTo(oldVersion)), ends: 'parked' });
    expect(world.state).toMatchObject({ status: 'parked', because: { code: 'ALIAS_MOVED' } });
    expect(bothLive(world)).toBe(true);

    moveTo(newVersion)(world);
    command(world, 'resume');
    world.run();
    expect(world.state.status).toBe('completed');
    expect(unsound(world)).toEqual([]);
  });

  it('after promote parks, and turns back from there', () => {
    const world = ran({ ...once('drain', 'read', moveTo(oldVersion)), ends: 'parked' });
    command(world, 'rollback');
    world.run();
    expect(world.state.status).toBe('rolled_back');
    expect(unsound(world)).toEqual([]);
  });

  it('after promote onto a copy of the new credential is not left there, whatever becomes of that', () => {
    const copy = ({ memory, plan }: World) =>
      memory.store.putInitial(plan.secret, memory.store.read(plan.secret, 'current')!.value);
    const world = ran({ ...once('drain', 'read', copy), ends: 'parked' });
    command(world, 'rollback');
    world.run();
    expect(world.state).toMatchObject({ status: 'parked', because: { code: 'UNDO_UNSAFE' } });
    expect(bothLive(world)).toBe(true);

    world.memory.target.changeByHand(world.current()!.identity, null);
    command(world, 'resume');
    world.run();
    expect(world.state).toMatchObject({ status: 'parked', because: { code: 'UNDO_UNSAFE' } });
    expect(world.memory.target.accepts(world.old!)).toBe(true);

    moveTo(oldVersion)(world);
    command(world, 'resume');
    world.run();
    expect(world.state.status).toBe('rolled_back');
    expect(world.memory.target.accepts(world.current()!)).toBe(true);
    expect(unsound(world, 'I1')).toEqual([]);
  });

  it('between the guard and the effect of disable has the old credential switched on again at once', () => {
    const world = ran({ ...once('disable', 'read', moveTo(oldVersion)), ends: 'parked' });
    expect(world.state).toMatchObject({ status: 'parked', because: { code: 'ALIAS_MOVED' } });
    expect(bothLive(world)).toBe(true);
    command(world, 'rollback');
    world.run();
    expect(world.state.status).toBe('rolled_back');
    expect(world.memory.target.accepts(world.current()!)).toBe(true);
  });

  it('after disable turns the rotation back, the old credential first', () => {
    const world = ran({ ...once('watch', 'read', moveTo(oldVersion)), ends: 'rolled_back' });
    const events = told(world);
    expect(events).toContain('RollbackDecided ALIAS_MOVED');
    expect(events.filter((each) => each.startsWith('UndoDone'))[0]).toBe('UndoDone disable');
    expect(world.memory.target.accepts(world.current()!)).toBe(true);
    expect(unsound(world, 'I1')).toEqual([]);
  });
});

describe('an old credential that is refused before anything starts', () => {
  const refused: Partial<Scenario> = {
    prepare: ({ memory, old }) =>
      memory.target.adopt({ identity: old!.identity, value: Secret.fromText('changed-by-somebody-at-the-target') }),
  };

  it('ends the rotation with nothing touched', () => {
    const world = ran({ ...refused, ends: 'rolled_back' });
    expect(world.state).toMatchObject({ status: 'rolled_back', because: { code: 'CURRENT_REFUSED' } });
    expect(told(world).filter((each) => /Intended|Raised/.test(each))).toEqual([]);
    expect(world.memory.target.madeFor(world.plan.rotationId)).toBe(0);
    expect(world.memory.store.versionsOf(world.plan.secret, world.plan.rotationId)).toBe(0);
  });

  it('is repaired where the rotation was asked to', () => {
    const world = ran({ ...refused, ...planned({ repair: true }) });
    expect(world.state.status).toBe('completed');
    expect(world.memory.target.accepts(world.current()!)).toBe(true);
    expect(unsound(world, 'I1')).toEqual([]);
  });

  it('is not brought to life by turning a repair back', () => {
    const world = ran({
      ...refused,
      ...planned({ repair: true }),
      answer: (_, phase) => ({ answer: phase === 'drain' ? 'refused' : 'proved', reason: 'it does not work' }),
      ends: 'parked',
    });
    expect(world.state).toMatchObject({ status: 'parked', because: { code: 'UNDO_UNSAFE' } });
    expect(world.memory.target.accepts(world.old!)).toBe(false);
    expect(world.memory.target.accepts(world.current()!)).toBe(true);
  });
});

describe('a gate that looks slowly', () => {
  /** Time passes while this question is answered; the lease is kept. */
  const slow = (step: string, method: string, seconds: number): Pick<Scenario, 'meddle'> => ({
    meddle: ({ memory, plan }, request) => {
      if (!is(request, step, method)) return undefined;
      for (let second = 0; second < seconds; second += 1) {
        memory.clock.pass(1_000);
        memory.state.renew({ secret: plan.secret, epoch: request.authority?.fence.epoch ?? 0, ttlMs: 5_000 });
      }
      return undefined;
    },
  });

  it.each(['drain', 'watch'])('at %s because consumers take their time still passes', (gate) => {
    const world = ran(slow(gate, 'challenge', 8));
    expect(world.state.status).toBe('completed');
    expect(world.oracle.violations).toEqual([]);
  });

  it.each(['drain', 'watch'])(
    'because the target does parks at %s, after its time and without filling the journal',
    (gate) => {
      const world = ran({ ...slow(gate, 'verify', 6), ends: 'parked' });
      expect(world.state).toMatchObject({
        status: 'parked',
        because: { code: 'DRAIN_TIMED_OUT', facts: { finding: 'the label was read too long ago' } },
      });
      expect(bothLive(world)).toBe(true);
      expect(told(world).length).toBeLessThan(60);
    },
  );
});
